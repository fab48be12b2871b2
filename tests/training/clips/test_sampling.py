"""Clips by sample number: frames, gaps, reversal, labels of the first frame, crops, mixtures."""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset

from vostool.core.errors import DataError
from vostool.core.types import (
    Clip,
    Frame,
    MaskEncoding,
    ObjectProposals,
    Video,
    VideoObject,
)
from vostool.media.masks import read_mask, write_mask
from vostool.training.augmentation.colour import ColourJitter
from vostool.training.augmentation.motion import Motion
from vostool.training.clips.curriculum import MASK_PROPAGATION, LengthSchedule, SkipCurriculum
from vostool.training.clips.mixture import Mixture
from vostool.training.clips.video_clips import (
    VideoClipOptions,
    VideoClips,
    _draw_crop,
    draw_positions,
    draw_previous,
)
from vostool.training.synthesis.still_clips import StillClips
from vostool.training.synthesis.synthesize import SynthesisOptions

STILL = Motion(rotation=0, scale=(1, 1), shear=0, shift=0, thin_plate=0)
EVEN = ColourJitter(brightness=0, contrast=0, saturation=0)
STEPS = ((0.0, 5), (0.2, 10), (0.4, 15), (0.6, 20), (0.8, 25))


def constant(max_skip: int) -> SkipCurriculum:
    """The same limit throughout."""
    return SkipCurriculum(((0.0, max_skip),))


FIXED = VideoClipOptions(
    crop=(64, 80),
    short_side=(64, 64),
    aspect=0,
    flip=0,
    colour=EVEN,
    frame_colour=EVEN,
    motion=STILL,
    window_jitter=0,
)
"""Frames as they are stored, so that pixels tell which frame a clip took."""


def make_video(
    root: Path, masks: list[np.ndarray | None], name: str = "video", **options: object
) -> Video:
    """A video whose frame t is grey with level 40 + 4 t; None: not annotated."""
    frames = []
    for index, mask in enumerate(masks):
        image = root / name / f"{index:05d}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(image), np.full((64, 80, 3), 40 + 4 * index, np.uint8))
        annotation = None
        if mask is not None:
            annotation = root / name / f"{index:05d}-mask.png"
            write_mask(annotation, mask)
        frames.append(Frame(f"{index:05d}", image, annotation))
    return Video(name, tuple(frames), (VideoObject(1, "00000"),), (), **options)  # type: ignore[arg-type]


def square(*corners: tuple[int, int], ids: tuple[int, ...] = (1, 2, 3, 4)) -> np.ndarray:
    """Mask with a 16-pixel square per corner (x, y)."""
    mask = np.zeros((64, 80), np.uint8)
    for value, (x, y) in zip(ids, corners, strict=False):
        mask[y : y + 16, x : x + 16] = value
    return mask


def times(clip: Clip) -> list[int]:
    """Which frames of `make_video` a clip consists of."""
    levels = clip.images[0, :, :, 32, 40].mean(1) * 255
    return [round((float(level) - 40) / 4) for level in levels]


def clips_of(video: Video, max_skip: int = 5, samples: int = 40, **options: object) -> VideoClips:
    return VideoClips(
        [video],
        FIXED.model_copy(update=options),
        curriculum=constant(max_skip),
        samples=samples,
    )


@given(
    count=st.integers(2, 30),
    step=st.sampled_from([1, 5]),
    max_skip=st.integers(1, 25),
    frames=st.integers(2, 4),
    seed=st.integers(0, 1000),
)
@settings(max_examples=150, deadline=None)
def test_gaps_keep_the_limit_in_raw_frames(
    count: int, step: int, max_skip: int, frames: int, seed: int
) -> None:
    raw = np.arange(count) * step
    positions = draw_positions(np.random.default_rng(seed), raw, frames, max_skip)
    assert len(positions) == frames
    assert positions[0] >= 0 and positions[-1] < count
    gaps = np.diff(positions)
    if count >= frames:
        assert gaps.min() >= 1
        assert gaps.max() <= max(1, max_skip // step)
    else:
        assert sorted(set(positions)) == list(range(count))


def test_all_gaps_occur_alike(rng: np.random.Generator) -> None:
    raw = np.arange(60)
    gaps = [np.diff(draw_positions(rng, raw, 3, 5)) for _ in range(600)]
    counts = Counter(np.concatenate(gaps).tolist())
    assert sorted(counts) == [1, 2, 3, 4, 5]
    assert min(counts.values()) > 150


def test_unevenly_annotated_frames(rng: np.random.Generator) -> None:
    raw = np.array([0, 1, 40, 41, 45])
    for _ in range(50):
        positions = draw_positions(rng, raw, 3, 5)
        assert all(b - a == 1 or raw[b] - raw[a] <= 5 for a, b in pairwise(positions))


@pytest.mark.parametrize(
    ("raw", "positions", "expected"),
    [
        ([0, 5, 10, 15], [0, 2, 3], [{0}, {1}, {2}]),
        ([0, 5, 10, 15], [3, 1, 0], [{3}, {2}, {1}]),
        ([0, 1, 2, 3, 4, 5, 6, 7], [0, 3, 7], [{0}, {0, 1, 2}, {2, 3, 4, 5, 6}]),
        ([0, 20, 40], [0, 1, 2], [{0}, {0}, {1}]),
    ],
)
def test_previous_annotated_frame(
    rng: np.random.Generator, raw: list[int], positions: list[int], expected: list[set[int]]
) -> None:
    drawn = [draw_previous(rng, np.array(raw), positions) for _ in range(60)]
    assert [{row[k] for row in drawn} for k in range(3)] == expected


def test_clip_has_the_documented_form(tmp_path: Path) -> None:
    video = make_video(tmp_path, [square((8, 8), (40, 30))] * 10)
    clip = clips_of(video)[0]
    assert clip.images.shape == (1, 3, 3, 64, 80) and clip.images.dtype == torch.float32
    assert clip.images.min() >= 0 and clip.images.max() <= 1
    assert clip.labels.dtype == torch.int64
    assert clip.present.tolist() == [[True, True]]
    assert clip.previous is None
    expected = torch.from_numpy(square((8, 8), (40, 30)).astype(np.int64))
    assert (clip.labels[0] == expected).all()


def test_half_of_the_clips_run_backwards(tmp_path: Path) -> None:
    video = make_video(tmp_path, [square((8, 8))] * 20)
    found = [times(clips_of(video)[k]) for k in range(40)]
    rising = sum(t == sorted(t) for t in found)
    falling = sum(t == sorted(t, reverse=True) for t in found)
    assert rising + falling == 40
    assert min(rising, falling) >= 10
    assert all(1 <= abs(b - a) <= 5 for t in found for a, b in pairwise(t))
    forward = clips_of(video, reverse=0.0)
    assert all(times(forward[k]) == sorted(times(forward[k])) for k in range(10))


def test_objects_that_appear_later_are_background(tmp_path: Path) -> None:
    masks = [square((8, 8), ids=(5,)), *[square((8, 8), (40, 30), ids=(5, 2))] * 2]
    video = make_video(tmp_path, masks)
    clip = clips_of(video, reverse=0.0)[0]
    assert times(clip) == [0, 1, 2]
    assert clip.present.tolist() == [[True]]
    assert set(clip.labels.unique().tolist()) == {0, 1}
    assert (clip.labels[0, 2, 8:24, 8:24] == 1).all()
    assert (clip.labels[0, 2, 30:46, 40:56] == 0).all()


def test_clips_without_objects_are_drawn_again(tmp_path: Path) -> None:
    masks = [square()] * 6 + [square((8, 8))] * 2
    video = make_video(tmp_path, masks)
    found = clips_of(video)
    for k in range(20):
        clip = found[k]
        assert (clip.labels[0, 0] == 1).sum() == 256
    empty = clips_of(make_video(tmp_path, [square()] * 5, "empty"))
    with pytest.raises(DataError, match=r"no object of at least 100 pixels.*video empty"):
        empty[0]


def test_at_most_max_objects_and_every_subset(tmp_path: Path) -> None:
    video = make_video(tmp_path, [square((2, 2), (30, 2), (2, 40), (30, 40))] * 4)
    found = clips_of(video, max_objects=2)
    subsets = set()
    for k in range(40):
        labels = found[k].labels[0, 0]
        assert labels.max() == 2
        corners = [int(labels[y + 8, x + 8]) for x, y in ((2, 2), (30, 2), (2, 40), (30, 40))]
        assert sorted(corners) == [0, 0, 1, 2]
        subsets.add(tuple(value > 0 for value in corners))
    assert len(subsets) == 6


def test_binary_masks_of_davis_2016(tmp_path: Path) -> None:
    video = make_video(tmp_path, [square((8, 8))] * 3, encoding=MaskEncoding.BINARY)
    for frame in video.frames:
        assert cv2.imwrite(str(frame.annotation), square((8, 8)) * 255)
    clip = clips_of(video)[0]
    assert clip.present.tolist() == [[True]]
    assert clip.labels.unique().tolist() == [0, 1]


def test_only_annotated_frames_are_used(tmp_path: Path) -> None:
    masks = [square((8, 8)) if index % 3 == 0 else None for index in range(16)]
    found = clips_of(make_video(tmp_path, masks), max_skip=6)
    taken = {time for k in range(20) for time in times(found[k])}
    assert taken <= {0, 3, 6, 9, 12, 15}
    assert len(taken) == 6


def test_videos_without_two_annotated_frames_are_refused(tmp_path: Path) -> None:
    video = make_video(tmp_path, [square((8, 8)), None, None])
    with pytest.raises(DataError, match="two annotated frames"):
        clips_of(video)


def test_frames_that_are_not_the_masks_size_are_named(tmp_path: Path) -> None:
    video = make_video(tmp_path, [square((8, 8))] * 3)
    assert cv2.imwrite(str(video.frames[1].image), np.zeros((30, 40, 3), np.uint8))
    with pytest.raises(DataError, match="video video, frame 00001"):
        clips_of(video)[0]


def test_previous_labels_are_cropped_like_the_frame(tmp_path: Path) -> None:
    """With objects that move by 2 pixels a frame, the offset tells which frame it was."""
    video = make_video(tmp_path, [square((2 + 2 * t, 20)) for t in range(20)])
    clips = VideoClips(
        [video],
        FIXED.model_copy(update={"previous": True, "short_side": (96, 96), "flip": 1.0}),
        curriculum=constant(3),
        samples=10,
    )
    for k in range(10):
        clip = clips[k]
        assert clip.previous is not None
        forward = times(clip)[-1] > times(clip)[0]
        for t in (1, 2):
            now, before = clip.labels[0, t].nonzero(), clip.previous[0, t].nonzero()
            if len(now) and len(before):
                # Mirrored, so forward is to the left; a scale of 1.5 makes it 3 pixels a frame.
                moved = float((now[:, 1].min() - before[:, 1].min()) * (-1 if forward else 1))
                assert -1 <= moved <= 16


@given(seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_crops_keep_an_object(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng = np.random.default_rng(seed)
    root = tmp_path_factory.mktemp("video")
    x, y = rng.integers(0, (64, 48))
    video = make_video(root, [square((int(x), int(y)))] * 3)
    options = VideoClipOptions(crop=(48, 48), short_side=(64, 120))
    clips = VideoClips([video], options, curriculum=constant(5), samples=3)
    for k in range(3):
        labels = clips[k].labels[0]
        assert (labels[0] == 1).sum() >= 100


def test_samples_depend_on_seed_and_number_alone(tmp_path: Path) -> None:
    video = make_video(tmp_path, [square((8, 8))] * 20)
    options = VideoClipOptions(crop=(48, 48), short_side=(64, 90))

    def clips(seed: int) -> VideoClips:
        return VideoClips(
            [video], options, curriculum=SkipCurriculum(STEPS, 100), samples=100, seed=seed
        )

    whole, later = clips(0), clips(0)
    in_order = [whole[k] for k in range(4)]
    assert torch.equal(later[3].images, in_order[3].images)
    assert torch.equal(later[1].labels, in_order[1].labels)
    assert not torch.equal(clips(1)[3].images, in_order[3].images)
    loaded = list(
        DataLoader(whole, batch_size=2, num_workers=2, collate_fn=Clip.collate, sampler=range(4))
    )
    assert torch.equal(loaded[1].images[1], in_order[3].images[0])


def test_curriculum_limits_early_samples(tmp_path: Path) -> None:
    video = make_video(tmp_path, [square((8, 8))] * 30)
    curriculum = SkipCurriculum(((0, 1), (0.5, 12)), samples=40)
    clips = VideoClips([video], FIXED, curriculum=curriculum, samples=40)
    gaps = [
        max(abs(b - a) for a, b in pairwise(t))
        for t in map(times, map(clips.__getitem__, range(40)))
    ]
    assert set(gaps[:20]) == {1}
    assert 6 <= max(gaps[20:]) <= 12


def test_previous_labels_are_given_until_a_part_of_the_training(tmp_path: Path) -> None:
    video = make_video(tmp_path, [square((8, 8))] * 9)
    curriculum = SkipCurriculum(((0, 3), (0.9, 1)), samples=20, previous_until=0.9)
    options = FIXED.model_copy(update={"previous": True})
    clips = VideoClips([video], options, curriculum=curriculum, samples=20)
    order = [19, 3, 18, 17]  # out of order, as after a resume
    assert [clips[k].previous is None for k in order] == [True, False, True, False]
    without = VideoClips([video], FIXED, curriculum=curriculum, samples=20)
    assert without[3].previous is None
    for always in (SkipCurriculum(((0, 3),), samples=20), constant(3)):
        clips = VideoClips([video], options, curriculum=always, samples=20)
        assert clips[19].previous is not None


@pytest.mark.parametrize(
    ("curriculum", "expected"),
    [
        (
            SkipCurriculum(MASK_PROPAGATION, 100),
            {0: 5, 9: 5, 10: 10, 25: 15, 30: 20, 89: 25, 90: 5, 100: 5, 500: 5},
        ),
        (SkipCurriculum(STEPS, 50), {0: 5, 9: 5, 10: 10, 39: 20, 40: 25, 49: 25, 60: 25}),
        (SkipCurriculum(((0.0, 3), (1 / 3, 6), (2 / 3, 7)), 4), {0: 3, 2: 6, 3: 7}),
        (constant(9), {0: 9, 10**6: 9}),
    ],
)
def test_curriculum_table(curriculum: SkipCurriculum, expected: dict[int, int]) -> None:
    assert {sample: curriculum.max_skip(sample) for sample in expected} == expected


@pytest.mark.parametrize("points", [(), ((0.1, 5),), ((0, 5), (0, 6)), ((0, 0),), ((0, 5), (1, 6))])
def test_wrong_curricula(points: tuple[tuple[float, int], ...]) -> None:
    with pytest.raises(ValueError, match="curriculum"):
        SkipCurriculum(points)


@dataclass(frozen=True)
class Drawn:
    """A still in memory."""

    name: str
    image: np.ndarray
    mask: np.ndarray

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        return self.image, self.mask


def drawn(name: str, mask: np.ndarray) -> Drawn:
    return Drawn(name, np.repeat(mask[..., None] * 60, 3, 2), mask)


def test_previous_labels_of_synthesised_clips_are_those_of_the_frame_before() -> None:
    still = drawn("a square", square((30, 20)))
    options = SynthesisOptions(crop=(48, 64), frames=4, min_area=10, min_cropped_area=10)
    assert StillClips([still], options, samples=3)[1].previous is None
    options = options.model_copy(update={"previous": True})
    clip = StillClips([still], options, samples=3)[1]
    assert clip.previous is not None
    assert torch.equal(clip.previous[:, 1:], clip.labels[:, :-1])
    assert torch.equal(clip.previous[:, 0], clip.labels[:, 0])


def test_stills_give_clips_and_skip_empty_masks() -> None:
    stills = [drawn("empty", square()), drawn("full", square((8, 8), (40, 30)))]
    clips = StillClips(stills, SynthesisOptions(crop=(48, 64)), samples=20)
    for k in range(8):
        clip = clips[k]
        assert clip.images.shape == (1, 3, 3, 48, 64)
        assert clip.present.all() and clip.present.shape[1] == clip.labels[0, 0].max()
    assert torch.equal(clips[5].images, clips[5].images)
    with pytest.raises(DataError, match=r"20 still images in a row.*empty"):
        StillClips(stills[:1], SynthesisOptions(crop=(48, 64)), samples=1)[0]


def test_stills_of_differing_sizes_are_named() -> None:
    wrong = Drawn("photo", np.zeros((9, 9, 3), np.uint8), np.zeros((9, 8), np.uint8))
    with pytest.raises(DataError, match=r"9 x 9 pixels but its mask is 9 x 8 .*still photo"):
        StillClips([wrong], SynthesisOptions(), samples=1)[0]


def test_mixture_follows_its_weights_and_passes_the_number_on() -> None:
    class Numbered(Dataset):
        def __init__(self, offset: int):
            self.offset = offset

        def __getitem__(self, sample: int) -> int:
            return self.offset + sample

    mixture = Mixture([Numbered(0), Numbered(10**6)], [3, 1], samples=2000, seed=4)
    values = [mixture[k] for k in range(2000)]
    assert [value % 10**6 for value in values] == list(range(2000))
    second = sum(value >= 10**6 for value in values)
    assert 420 <= second <= 580
    again = Mixture([Numbered(0), Numbered(10**6)], [0.75, 0.25], samples=9, seed=4)
    assert [again[k] for k in (7, 3)] == [values[7], values[3]]
    with pytest.raises(ValueError, match="weight"):
        Mixture([Numbered(0)], [0], samples=1)


def test_real_davis_frames(shared_data: Path) -> None:
    """Real frames and masks: at 192 pixels every crop holds the object, unmixed with padding."""
    root = shared_data / "DAVIS"
    videos = []
    for name in ("bear", "paragliding", "bus"):
        images = sorted((root / "JPEGImages" / "480p" / name).glob("*.jpg"))
        frames = tuple(
            Frame(i.stem, i, root / "Annotations" / "480p" / name / f"{i.stem}.png") for i in images
        )
        videos.append(
            Video(name, frames, (VideoObject(1, frames[0].name),), (), MaskEncoding.BINARY)
        )
    options = VideoClipOptions(crop=(192, 192), short_side=(192, 360))
    clips = VideoClips(videos, options, curriculum=constant(10), samples=12)
    for k in range(12):
        clip = clips[k]
        assert (clip.labels[0, 0] == 1).sum() >= 100
        assert clip.labels.max() == 1
        assert clip.images.std() > 0.05


class TrueMasks:
    """A source that proposes each true object."""

    def __init__(self, video: Video):
        self.frames = {frame.name: frame for frame in video.frames}

    def proposals(self, image: np.ndarray, video: str, frame: str) -> ObjectProposals:
        annotation = self.frames[frame].annotation
        assert annotation is not None and image.shape == (64, 80, 3)
        mask = read_mask(annotation)
        ids = [value for value in np.unique(mask) if value]
        masks = torch.from_numpy(np.stack([mask == value for value in ids]))
        scores = torch.arange(1, len(ids) + 1) / 10
        return ObjectProposals(torch.zeros(len(ids), 4), scores, masks)


def test_proposals_go_through_the_warps_of_the_clip(tmp_path: Path) -> None:
    masks = [square((4 + 8 * t, 4), (50 - 6 * t, 40)) for t in range(5)]
    video = make_video(tmp_path, [*masks])
    options = FIXED.model_copy(
        update={
            "aspect": 0.2,
            "flip": 0.5,
            "crop": (48, 56),
            "motion": Motion(rotation=20, scale=(0.8, 1.2), shear=10, shift=0.1, thin_plate=0),
        }
    )
    clips = VideoClips(
        [video], options, curriculum=constant(5), samples=12, proposals=TrueMasks(video)
    )
    seen = 0
    for sample in range(12):
        clip = clips[sample]
        assert clip.proposals is not None and clip.proposals[0] is not None
        for labels, found in zip(clip.labels[0], clip.proposals[0], strict=True):
            rows = [row for row in labels.unique().tolist() if row]
            for row in rows:
                true = labels == row
                assert sum(torch.equal(mask, true) for mask in found.masks) == 1
                seen += 1
            for mask, box in zip(found.masks, found.boxes, strict=True):
                ys, xs = mask.nonzero(as_tuple=True)
                tight = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
                assert box.tolist() == [float(value) for value in tight]
    assert seen > 30


def test_clips_without_a_source_have_no_proposals(tmp_path: Path) -> None:
    video = make_video(tmp_path, [square((4, 4))] * 3)
    assert clips_of(video)[0].proposals is None


def test_clips_grow_late_and_equally_in_an_iteration() -> None:
    lengths = LengthSchedule(((0.5, 4), (0.75, 6)), samples=40, together=3)
    found = [lengths.frames(sample, 3) for sample in range(40)]
    # Iterations begin at multiples of 3: the first from half way on is at 21, then at 30.
    assert found == [3] * 21 + [4] * 9 + [6] * 10
    assert LengthSchedule().frames(99, 5) == 5
    for points in (((0.5, 1),), ((1.0, 3),), ((0.5, 3), (0.5, 4)), ((-0.1, 3),)):
        with pytest.raises(ValueError, match=r"increase|at least 2"):
            LengthSchedule(points)


@pytest.mark.parametrize("low", [40, 64])
def test_a_wide_range_of_short_sides_leaves_the_crop_and_its_rule(low: int) -> None:
    """The picture's scale varies by the range asked for; crops keep size and an object."""
    scales, rows = [], np.zeros((100, 160), np.uint8)
    rows[40:60, 70:90] = 1
    options = VideoClipOptions(
        crop=(48, 64),
        short_side=(low, 200),
        aspect=0.0,
        window_jitter=0,
        min_area=1,
        motion=STILL,
    )
    for seed in range(80):
        (warp,) = _draw_crop(np.random.default_rng(seed), [rows], options)
        labels = warp.labels(rows)
        assert labels.shape == (48, 64)
        scales.append(warp.scale)
        visible = labels.sum()
        assert visible >= 0.9 * min(400 * warp.scale**2, 48 * 64 * 0.9)
    assert low / 100 - 0.01 < min(scales) < low / 100 + 0.15  # sides are whole pixels
    assert 1.85 < max(scales) < 2.01
    middle = np.median(scales)
    assert abs(middle - (low / 100 + 2) / 2) < 0.25


def test_clips_of_both_kinds_follow_the_lengths(tmp_path: Path) -> None:
    lengths = LengthSchedule(((0.5, 4),), samples=4)
    video = make_video(tmp_path, [square((10, 10))] * 8)
    videos = VideoClips([video], FIXED, curriculum=constant(2), samples=4, lengths=lengths)
    options = SynthesisOptions(crop=(48, 64), min_area=10, min_cropped_area=10)
    stills = StillClips([drawn("a", square((30, 20)))], options, samples=4, lengths=lengths)
    for clips in (videos, stills):
        assert [clips[sample].images.shape[1] for sample in range(4)] == [3, 3, 4, 4]
