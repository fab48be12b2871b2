"""Run-length codes: against pycocotools, and whatever can be wrong with them."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask

from vostool.core.errors import DataError
from vostool.core.types import EncodedMask, Layer
from vostool.media.layers import read_layer
from vostool.media.rle import decode_coco, decode_runs, encode_runs, encoded_area

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@given(hnp.arrays(np.bool_, SIZES))
def test_codes_are_those_of_pycocotools_and_come_back(mask):
    code = encode_runs(mask)
    theirs = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    assert (code.counts, list(code.size)) == (theirs["counts"], theirs["size"])
    np.testing.assert_array_equal(decode_runs(code), mask)
    assert encoded_area(code) == mask.sum()


def test_long_runs_come_back():
    mask = np.zeros((1080, 1920), bool)
    mask[3:900, 7:1500] = True
    np.testing.assert_array_equal(decode_runs(encode_runs(mask)), mask)
    runs = [5, 3, 1080 * 1920 - 8]
    assert decode_coco({"size": [1080, 1920], "counts": runs}).sum() == 3


@pytest.mark.parametrize(
    ("size", "counts", "words"),
    [
        ((4, 5), encode_runs(np.ones((4, 4), bool)).counts, "cover 16 pixels, but 4 x 5 has 20"),
        ((4, 3), encode_runs(np.ones((4, 4), bool)).counts, "longer than the image"),
        ((4, 4), b"", "cover 0 pixels"),
        ((4, 4), b"`", "break off"),
        ((4, 4), b"\x01", "no run lengths"),
        ((4, 4), b"oooooooooooooooooooooo0", "beyond any image"),
        ((1 << 20, 1 << 20), b"0", "not the size of an image"),
        ((0, 4), b"0", "not the size of an image"),
    ],
)
def test_codes_that_do_not_fit_are_refused_before_anything_is_allocated(size, counts, words):
    with pytest.raises(ValueError, match=words):
        decode_runs(EncodedMask(size, counts))
    with pytest.raises(DataError, match=words) as caught:
        read_layer(Layer(3, EncodedMask(size, counts), "truth.json, frame 7"))
    assert "object 3" in str(caught.value)
    assert "truth.json, frame 7" in str(caught.value)


@given(st.binary(max_size=30), SIZES)
def test_no_code_ends_in_anything_but_a_mask_or_a_refusal(counts, size):
    with contextlib.suppress(ValueError):
        assert decode_runs(EncodedMask(size, counts)).shape == size
