"""Trackers: names, model files, the mask-guided one against known motion, real video."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vostool.core import registry
from vostool.core.errors import DataError, UsageError
from vostool.inference import tracker as trackers
from vostool.inference.opencv_tracker import OpenCVTracker
from vostool.inference.tracker import make_tracker
from vostool.media.boxes import Box, box_iou, mask_box

SIZE = (120, 160)
FRAME = np.zeros((*SIZE, 3), np.uint8)


def filled(box: Box) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    x, y, width, height = (round(value) for value in box)
    mask[max(y, 0) : y + height, max(x, 0) : x + width] = True
    return mask


def test_the_folder_is_the_registry():
    assert registry.names(trackers.PACKAGE) == ["mask-box", "mil", "nano", "vit"]


def test_unknown_name_lists_what_there_is():
    with pytest.raises(UsageError, match=r"did you mean nano.*mask-box, mil, nano, vit"):
        make_tracker("nanoo")


@pytest.mark.parametrize(
    ("name", "files", "words"),
    [
        ("vit", 0, "tracker vit takes 1 model file.*vostool download vittrack"),
        ("nano", 1, "tracker nano takes 2 model file.*1 are given.*vostool download nanotrack"),
        ("mask-box", 1, "tracker mask-box takes no model file"),
        ("mil", 2, "tracker mil takes no model file"),
    ],
)
def test_wrong_number_of_files(name, files, words, tmp_path):
    with pytest.raises(UsageError, match=words):
        make_tracker(name, [tmp_path / f"{k}.onnx" for k in range(files)])


@pytest.mark.parametrize(("name", "count"), [("vit", 1), ("nano", 2)])
def test_missing_and_wrong_files_are_named(name, count, tmp_path, capfd):
    files = [tmp_path / f"{k}.onnx" for k in range(count)]
    with pytest.raises(DataError, match=r"is missing: .*\.onnx \(.*0\.onnx\)"):
        make_tracker(name, files)
    for path in files:
        path.write_bytes(b"no network " * 50)
    with pytest.raises(DataError, match=r"cannot be used as .*0\.onnx.*vostool download"):
        make_tracker(name, files)
    files[-1].write_bytes(b"")
    with pytest.raises(DataError, match=rf"is empty: .*\.onnx \(.*{files[-1].name}\)"):
        make_tracker(name, files)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kept", [100, 0.5])
def test_a_download_that_was_cut_off_is_noticed(shared_data, tmp_path, kept):
    folder = shared_data / "weights" / "nanotrackv2"
    backbone, head = sorted(folder.glob("*.onnx"))
    content, cut = head.read_bytes(), tmp_path / "cut.onnx"
    cut.write_bytes(content[: kept if kept > 1 else int(kept * len(content))])
    with pytest.raises(DataError, match=r"cannot be used as NanoTrack.*cut\.onnx.*download"):
        make_tracker("nano", [backbone, cut])
    with pytest.raises(DataError, match=r"cannot be used as VitTrack.*cut\.onnx.*download"):
        make_tracker("vit", [cut])


@pytest.mark.parametrize("name", ["mil", "nano", "vit"])
def test_builds_of_opencv_without_a_tracker(name, tmp_path, monkeypatch):
    files = [tmp_path / str(k) for k in range({"mil": 0, "nano": 2, "vit": 1}[name])]
    for path in files:
        path.write_text("x")
    monkeypatch.delattr(cv2, f"Tracker{'MIL' if name == 'mil' else name.title()}_create")
    with pytest.raises(UsageError, match=r"built without Tracker.*tracker mask-box"):
        make_tracker(name, files)


def test_swapped_files_are_noticed(shared_data):
    folder = shared_data / "weights" / "nanotrackv2"
    head, backbone = sorted(folder.glob("*.onnx"), reverse=True)
    assert "head" in head.name
    with pytest.raises(DataError, match="check which file is which"):
        make_tracker("nano", [head, backbone])
    for file in (head, backbone):
        with pytest.raises(DataError, match="cannot be used as VitTrack"):
            make_tracker("vit", [file])


def test_mask_box_follows_constant_velocity_closer_than_its_noisy_masks():
    rng = np.random.default_rng(0)
    tracker = make_tracker()()
    truth = [Box(10 + 3 * t, 20 + 1.5 * t, 30, 20) for t in range(25)]
    tracker.start(FRAME, truth[0])
    mine, raw = [], []
    for box in truth[1:]:
        noisy = Box(*(np.array(box) + rng.normal(0, 1.2, 4)))
        found, score = tracker.step(FRAME, filled(noisy))
        assert 0.5 < score <= 1
        mine.append(box_iou(found, box))
        raw.append(box_iou(mask_box(filled(noisy)), box))
    assert np.mean(mine[5:]) > np.mean(raw[5:])


def test_mask_box_without_a_mask_coasts_and_says_so():
    tracker = make_tracker()()
    tracker.start(FRAME, Box(10, 20, 20, 20))
    for t in range(1, 10):
        tracker.step(FRAME, filled(Box(10 + 4 * t, 20, 20, 20)))
    box, score = tracker.step(FRAME, np.zeros(SIZE, bool))
    assert score == 0
    assert box.x == pytest.approx(50, abs=2)
    assert tracker.step(FRAME)[1] == 0


def test_mask_box_resists_a_leap_but_not_for_ever():
    tracker = make_tracker()()
    tracker.start(FRAME, Box(10, 20, 20, 20))
    for _ in range(5):
        tracker.step(FRAME, filled(Box(10, 20, 20, 20)))
    far = Box(120, 80, 20, 20)
    box, score = tracker.step(FRAME, filled(far))
    assert score == 0
    assert box_iou(box, Box(10, 20, 20, 20)) > 0.8
    scores = [tracker.step(FRAME, filled(far))[1] for _ in range(60)]
    assert scores[-1] > 0.8


def test_mask_box_ignores_specks():
    tracker = make_tracker()()
    tracker.start(FRAME, Box(10, 20, 20, 20))
    mask = filled(Box(10, 20, 20, 20))
    mask[110:112, 150:152] = True
    box, score = tracker.step(FRAME, mask)
    assert box_iou(box, Box(10, 20, 20, 20)) > 0.95
    assert score > 0.95


class Moody:
    """Stands for a cv2 tracker: finds, loses, then fails."""

    def __init__(self):
        self.answers = iter([(True, (5, 6, 7, 8)), (False, (0, 0, 0, 0)), (True, (1, 1, 0, 4))])

    def init(self, frame, box):
        self.started = box
        assert frame[0, 0].tolist() == [3, 2, 1], "cv2 wants BGR"

    def update(self, frame):
        try:
            return next(self.answers)
        except StopIteration:
            raise cv2.error("nothing left") from None

    def getTrackingScore(self):
        return 1.5


def test_opencv_trackers_lose_instead_of_failing():
    made = []
    tracker = OpenCVTracker(lambda: made.append(Moody()) or made[-1])
    frame = np.tile(np.array([1, 2, 3], np.uint8), (50, 60, 1))
    tracker.start(frame, Box(-3, 40.4, 10, 30))
    assert made[0].started == (0, 40, 7, 10)
    steps = [tracker.step(frame) for _ in range(4)]
    assert steps[0] == (Box(5, 6, 7, 8), 1.0)
    assert steps[1:] == [(Box(5, 6, 7, 8), 0.0)] * 3


class StandInForVit:
    """What cv2.TrackerVit_create makes, as OpenCV describes it: the box moves, then it is lost."""

    def __init__(self, parameters):
        self.parameters, self.frames = parameters, []

    def init(self, frame, box):
        assert all(type(value) is int for value in box), "cv2.Rect takes whole numbers only"
        self.box, self.size = box, frame.shape
        self.first_pixel = frame[0, 0].tolist()

    def update(self, frame):
        assert frame.flags.c_contiguous and frame.shape == self.size
        self.frames.append(frame[0, 0].tolist())
        x, y, width, height = self.box
        self.box = (x + 3, y + 1, width, height)
        return len(self.frames) < 3, self.box

    def getTrackingScore(self):
        return 0.75 if len(self.frames) < 3 else 0.1


def test_vit_passes_on_file_boxes_colours_and_scores(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(
        cv2,
        "TrackerVit_create",
        lambda parameters: made.append(StandInForVit(parameters)) or made[-1],
    )
    file = tmp_path / "vit.onnx"
    file.write_text("stands for a network")
    factory = make_tracker("vit", [file])
    assert [(item.parameters.net, len(item.frames)) for item in made] == [(str(file), 1)], "trial"
    trackers = [factory() for _ in range(2)]
    frame = np.tile(np.array([10, 20, 30], np.uint8), (*SIZE, 1))
    for tracker, box in zip(trackers, (Box(20.6, 30.2, 25.0, 18.9), Box(1, 2, 3, 4)), strict=True):
        tracker.start(frame, box)
    assert len(made) == 3, "one for each object"
    assert made[1].parameters.net == str(file)
    assert made[1].first_pixel == [30, 20, 10]
    assert made[1].box == (21, 30, 25, 19)
    assert trackers[0].step(frame) == (Box(24.0, 31.0, 25.0, 19.0), 0.75)
    assert trackers[0].step(frame, np.zeros(SIZE, bool)) == (Box(27.0, 32.0, 25.0, 19.0), 0.75)
    assert trackers[0].step(frame) == (Box(27.0, 32.0, 25.0, 19.0), 0.0)
    assert trackers[1].step(frame) == (Box(4.0, 3.0, 3.0, 4.0), 0.75)


@pytest.mark.slow
def test_mil_follows_a_moving_texture():
    rng = np.random.default_rng(0)
    first = cv2.GaussianBlur(rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8), (0, 0), 3)
    tracker = make_tracker("mil")()
    tracker.start(first, Box(50, 40, 30, 20))
    steps = [tracker.step(np.roll(first, 2 * t, axis=1)) for t in (1, 2)]
    assert steps[-1] == (pytest.approx(Box(54, 40, 30, 20), abs=3), 1.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sequence", "frames", "least"), [("car-shadow", 12, 0.8), ("drift-chicane", 20, 0.6)]
)
def test_nano_on_real_video(shared_data, sequence, frames, least):
    folder = shared_data / "weights" / "nanotrackv2"
    files = [folder / f"nanotrack_{part}_sim.onnx" for part in ("backbone", "head")]
    images = sorted((shared_data / "DAVIS" / "JPEGImages" / "480p" / sequence).glob("*.jpg"))
    tracker, overlaps = make_tracker("nano", files)(), []
    for index, path in enumerate(images[:frames]):
        frame = cv2.imread(str(path))[..., ::-1]
        annotation = str(path).replace("JPEGImages", "Annotations").replace(".jpg", ".png")
        truth = mask_box(cv2.imread(annotation, cv2.IMREAD_GRAYSCALE) > 0)
        if index == 0:
            tracker.start(frame, truth)
        elif truth is not None:
            box, score = tracker.step(frame)
            overlaps.append(box_iou(box, truth))
            assert score > 0.5, "it never says that it is lost"
    assert np.mean(overlaps) > least
