"""Which data sets and models can be had from where.

Sizes and checksums stand here only where somebody published them: those of DAVIS 2017 trainval,
COCO 2017 and VOC 2012 in the checksum lists of TensorFlow Datasets (and torchvision, for VOC's
MD5), that of ECSSD's images in public download scripts, that of VitTrack in opencv_zoo's large-file
pointer, those of NanoTrack in OpenCV's list of test data (as SHA-1, which the files were checked
against), that of VOST's size is what its server says, those of MOSEv1 are on its page (as steps,
because it needs a login). An archive without them is still protected
by the server's content length and by the checksums inside the archive.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vostool.core.errors import UsageError
from vostool.core.suggest import did_you_mean

_DAVIS = "https://data.vision.ee.ethz.ch/csergi/share/davis/"
_DAVIS_MIRROR = "https://data.vision.ee.ethz.ch/jpont/davis/"
_DAVIS_LICENCE = "CC BY-NC 4.0 (research only)"
_DAVIS_PAGE = "https://davischallenge.org"
_DAVIS_NOTES = ("DAVIS/README.md", "DAVIS/SOURCES.md")
_COCO = "http://images.cocodataset.org/"
_COCO_LICENCE = "annotations CC BY 4.0; each picture under its own Flickr licence"
_ECSSD = "https://www.cse.cuhk.edu.hk/leojia/projects/hsaliency/"
_RESEARCH = "research use; see its page"


@dataclass(frozen=True)
class Archive:
    """One file to fetch and, unless it is wanted as it is, to extract.

    Attributes:
        file: its name while it is worked on; ends in .zip, .tar, .tgz or .tar.gz if extracted.
        urls: http(s) addresses of the same bytes, tried in this order.
        folder: where its contents go, below the root that the user chose; "" for the root itself.
        size: bytes, or None where nobody published it.
        sha256: lower-case hexadecimal digest, or None where nobody published it.
        md5: the same, used where no SHA-256 is known.
        may_differ: members that other archives bring along with other content; an existing file
            of that name is kept.
        extracted: False for a single file that goes into `folder` under its own name.
    """

    file: str
    urls: tuple[str, ...]
    folder: str = ""
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None
    may_differ: tuple[str, ...] = ()
    extracted: bool = True


@dataclass(frozen=True)
class Source:
    """One name for `vostool download`.

    Attributes:
        name: as on the command line.
        title: one line for people.
        page: where people read about the data set and get it when an address has moved.
        licence: one line.
        archives: what to fetch; empty for data that need a login.
        layout: what lies below the root afterwards.
        check: command line that verifies it, with ROOT for the folder that the user chose.
        steps: for data behind a login, what to do there.
    """

    name: str
    title: str
    page: str
    licence: str
    archives: tuple[Archive, ...] = ()
    layout: tuple[str, ...] = ()
    check: str = ""
    steps: str = ""

    @property
    def needs_login(self) -> bool:
        """Whether there is no public direct address."""
        return not self.archives


def _davis2017(part: str, *, size: int | None = None, sha256: str | None = None) -> Archive:
    file = f"DAVIS-2017-{part}.zip"
    urls = (_DAVIS + file, _DAVIS_MIRROR + file)
    return Archive(file, urls, size=size, sha256=sha256, may_differ=_DAVIS_NOTES)


def _davis2017_source(split: str, title: str, archive: Archive, check_split: str) -> Source:
    return Source(
        name=f"davis2017-{split}",
        title=title,
        page=_DAVIS_PAGE,
        licence=_DAVIS_LICENCE,
        archives=(archive,),
        layout=(
            "DAVIS/JPEGImages/480p/VIDEO/00000.jpg",
            "DAVIS/Annotations/480p/VIDEO/00000.png",
            "DAVIS/ImageSets/2017/*.txt",
        ),
        check=f"vostool check-data --dataset davis2017 --root ROOT/DAVIS --split {check_split}",
    )


_ZOO = "https://media.githubusercontent.com/media/opencv/opencv_zoo/"
_ZOO_COMMIT = "fef72f8fa7c52eaf116d3df358d24e6e959ada0e"
_SIAM_TRACKERS = "https://raw.githubusercontent.com/HonglinChu/SiamTrackers/master/"
_NANOTRACK = "NanoTrack/models/nanotrackv2/"


def _model(file: str, folder: str, size: int, sha256: str, *places: str) -> Archive:
    urls = tuple(place + file for place in places)
    return Archive(file, urls, folder, size, sha256, extracted=False)


_TRACKERS = (
    Source(
        name="vittrack",
        title="VitTrack, a small transformer tracker (--tracker vit)",
        page="https://github.com/opencv/opencv_zoo/tree/main/models/object_tracking_vittrack",
        licence="Apache-2.0",
        archives=(
            _model(
                "object_tracking_vittrack_2023sep.onnx",
                "models/vittrack",
                714_726,
                "2990f0b7cd44d92afa48cd97db6de7be113fc1d9594fddb74e2725c10478e91d",
                f"{_ZOO}{_ZOO_COMMIT}/models/object_tracking_vittrack/",
                "https://huggingface.co/opencv/object_tracking_vittrack/resolve/main/",
            ),
        ),
        layout=("models/vittrack/object_tracking_vittrack_2023sep.onnx",),
    ),
    Source(
        name="nanotrack",
        title="NanoTrack v2, a small Siamese tracker (--tracker nano)",
        page="https://github.com/HonglinChu/SiamTrackers/tree/master/NanoTrack",
        licence="Apache-2.0",
        archives=tuple(
            _model(file, "models/nanotrack", size, sha256, f"{_SIAM_TRACKERS}{_NANOTRACK}")
            for file, size, sha256 in (
                (
                    "nanotrack_backbone_sim.onnx",
                    1_056_849,
                    "530bdd0cd00f19afab79a863e71ba71e3312395a5dc9151af675082bdaaa2fc4",
                ),
                (
                    "nanotrack_head_sim.onnx",
                    726_198,
                    "0d8c0637be849f092cc7236cae02e55c8b9455ebe37ba50601d6115db4247cd9",
                ),
            )
        ),
        layout=(
            "models/nanotrack/nanotrack_backbone_sim.onnx",
            "models/nanotrack/nanotrack_head_sim.onnx",
        ),
    ),
)

_DIRECT = (
    _davis2017_source(
        "trainval",
        "DAVIS 2017 train and val, 480p, 90 videos",
        _davis2017(
            "trainval-480p",
            size=832_766_765,
            sha256="e3d0b5b77c3d031b000a19e0e25e3e2cac65d183755601bc2cf066df1a2aa492",
        ),
        "val",
    ),
    _davis2017_source(
        "test-dev",
        "DAVIS 2017 test-dev, 480p, 30 videos",
        _davis2017("test-dev-480p"),
        "test-dev",
    ),
    _davis2017_source(
        "test-challenge",
        "DAVIS 2017 test-challenge, 480p, 30 videos",
        _davis2017("test-challenge-480p"),
        "test-challenge",
    ),
    Source(
        name="davis2016",
        title="DAVIS 2016, 480p and 1080p, 50 videos, one object each",
        page=_DAVIS_PAGE,
        licence=_DAVIS_LICENCE,
        archives=(
            # Its masks (0/255) have the paths of DAVIS 2017's (ids), so it gets its own folder.
            Archive(
                "DAVIS-data.zip",
                ("https://graphics.ethz.ch/Downloads/Data/Davis/DAVIS-data.zip",),
                folder="DAVIS2016",
            ),
        ),
        layout=(
            "DAVIS2016/DAVIS/JPEGImages/480p/VIDEO/00000.jpg",
            "DAVIS2016/DAVIS/Annotations/480p/VIDEO/00000.png",
        ),
        check="vostool check-data --dataset davis2016 --root ROOT/DAVIS2016/DAVIS --split val",
    ),
    Source(
        name="ecssd",
        title="ECSSD, 1000 stills with one salient object",
        page=_ECSSD + "dataset.html",
        licence=_RESEARCH,
        archives=(
            Archive(
                "ECSSD-images.zip",
                (_ECSSD + "data/ECSSD/images.zip",),
                folder="static/ECSSD",
                size=67_766_979,
                sha256="7d5dce1a21c6d82e2f9617c00ad7eae2de5ded9320e8c59a01b4c731d210ea47",
            ),
            Archive(
                "ECSSD-ground_truth_mask.zip",
                (_ECSSD + "data/ECSSD/ground_truth_mask.zip",),
                folder="static/ECSSD",
            ),
        ),
        layout=("static/ECSSD/images/0001.jpg", "static/ECSSD/ground_truth_mask/0001.png"),
        check="vostool check-data --stills image-folder --root ROOT/static/ECSSD",
    ),
    Source(
        name="msra10k",
        title="MSRA10K, 10000 stills with one salient object",
        page="https://mmcheng.net/msra10k/",
        licence=_RESEARCH,
        archives=(
            Archive(
                "MSRA10K_Imgs_GT.zip",
                ("http://mftp.mmcheng.net/Data/MSRA10K_Imgs_GT.zip",),
                folder="static",
            ),
        ),
        layout=("static/MSRA10K_Imgs_GT/Imgs/*.jpg and *.png",),
        check="vostool check-data --stills image-folder --root ROOT/static/MSRA10K_Imgs_GT/Imgs",
    ),
    Source(
        name="pascal-s",
        title="PASCAL-S, 850 stills with salient objects",
        page="http://cbi.gatech.edu/salobj/",
        licence=_RESEARCH,
        archives=(
            Archive(
                "salObj.zip",
                (
                    "http://cbi.gatech.edu/salobj/download/salObj.zip",
                    "http://www.cbi.gatech.edu/salobj/download/salObj.zip",
                ),
                folder="static/PASCAL-S",
            ),
        ),
        layout=("static/PASCAL-S/datasets/imgs/pascal/*.jpg", "static/PASCAL-S/datasets/masks/*"),
    ),
    Source(
        name="duts",
        title="DUTS-TR, 10553 stills with salient objects",
        page="http://saliencydetection.net/duts/",
        licence=_RESEARCH,
        archives=(
            Archive(
                "DUTS-TR.zip",
                ("http://saliencydetection.net/duts/download/DUTS-TR.zip",),
                folder="static",
            ),
        ),
        layout=("static/DUTS-TR/DUTS-TR-Image/*.jpg", "static/DUTS-TR/DUTS-TR-Mask/*.png"),
    ),
    Source(
        name="voc2012",
        title="PASCAL VOC 2012 trainval, 2913 stills with object masks",
        page="http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
        licence="Flickr terms of use",
        archives=(
            Archive(
                "VOCtrainval_11-May-2012.tar",
                (
                    "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
                    "http://pjreddie.com/media/files/VOCtrainval_11-May-2012.tar",
                ),
                size=1_999_639_040,
                sha256="e14f763270cf193d0b5f74b169f44157a4b0c6efa708f4dd0ff78ee691763bcb",
                md5="6cd6e144f989b92b3379bac3b3de84fd",
            ),
        ),
        layout=(
            "VOCdevkit/VOC2012/JPEGImages/*.jpg",
            "VOCdevkit/VOC2012/SegmentationObject/*.png",
        ),
        check="vostool check-data --stills voc --root ROOT/VOCdevkit/VOC2012",
    ),
    Source(
        name="coco2017-train",
        title="COCO 2017 train, 118287 stills with object masks",
        page="https://cocodataset.org/#download",
        licence=_COCO_LICENCE,
        archives=(
            Archive(
                "train2017.zip",
                (_COCO + "zips/train2017.zip",),
                folder="coco",
                size=19_336_861_798,
                sha256="69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929",
                md5="cced6f7f71b7629ddf16f17bbcfab6b2",
            ),
        ),
        layout=("coco/train2017/*.jpg",),
        check="vostool check-data --stills coco --root ROOT/coco",
    ),
    Source(
        name="coco2017-val",
        title="COCO 2017 val, 5000 stills with object masks",
        page="https://cocodataset.org/#download",
        licence=_COCO_LICENCE,
        archives=(
            Archive(
                "val2017.zip",
                (_COCO + "zips/val2017.zip",),
                folder="coco",
                size=815_585_330,
                sha256="4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
                md5="442b8da7639aecaf257c1dceb8ba8c80",
            ),
        ),
        layout=("coco/val2017/*.jpg",),
        check="vostool check-data --stills coco --root ROOT/coco",
    ),
    Source(
        name="coco2017-annotations",
        title="COCO 2017 object masks of train and val",
        page="https://cocodataset.org/#download",
        licence=_COCO_LICENCE,
        archives=(
            Archive(
                "annotations_trainval2017.zip",
                (_COCO + "annotations/annotations_trainval2017.zip",),
                folder="coco",
                size=252_907_541,
                sha256="113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
                md5="f4bbac642086de4f52a3fdda2de5fa2c",
            ),
        ),
        layout=("coco/annotations/instances_train2017.json", "coco/annotations/*.json"),
        check="vostool check-data --stills coco --root ROOT/coco",
    ),
)


def _youtubevos(year: int) -> Source:
    return Source(
        name=f"youtubevos{year}",
        title=f"YouTube-VOS {year}",
        page="https://youtube-vos.org/dataset/vos/",
        licence="CC BY 4.0 annotations; videos under YouTube's terms",
        layout=tuple(
            f"YouTubeVOS/{line}"
            for line in (
                "train/JPEGImages/VIDEO/00000.jpg",
                "train/Annotations/VIDEO/00000.png",
                "train/meta.json",
                "valid/JPEGImages/VIDEO/00000.jpg",
                "valid/Annotations/VIDEO/00000.png",
                "valid/meta.json",
            )
        ),
        check=f"vostool check-data --dataset youtubevos{year} --root ROOT/YouTubeVOS --split valid",
        steps=f"register for the {year} challenge on its CodaLab page, accept the terms, download "
        "train.zip and valid.zip, and extract both into ROOT/YouTubeVOS",
    )


_MOSE_V2 = "https://huggingface.co/datasets/FudanCVL/MOSEv2/resolve/main/"

_CHALLENGES = (
    Source(
        name="mosev2-valid",
        title="MOSEv2 valid, the split that its server scores",
        page="https://mose.video",
        licence="CC BY-NC-SA 4.0",
        archives=(
            Archive("MOSEv2-valid.tar.gz", (f"{_MOSE_V2}valid.tar.gz",), folder="MOSEv2"),
            Archive(
                "meta_valid.json",
                (f"{_MOSE_V2}meta_valid.json",),
                folder="MOSEv2",
                extracted=False,
            ),
        ),
        layout=(
            "MOSEv2/valid/JPEGImages/VIDEO/00000.jpg",
            "MOSEv2/valid/Annotations/VIDEO/00000.png",
            "MOSEv2/meta_valid.json",
        ),
        check="vostool check-data --dataset mosev2 --root ROOT/MOSEv2 --split valid",
    ),
    Source(
        name="vost",
        title="VOST train and val, objects that change their shape",
        page="https://www.vostdataset.org",
        licence="CC BY-NC-SA 4.0",
        archives=(
            Archive(
                "VOST.zip",
                ("https://tri-ml-public.s3.amazonaws.com/datasets/VOST.zip",),
                size=54_012_104_924,
            ),
        ),
        layout=("VOST/JPEGImages/VIDEO/*.jpg", "VOST/Annotations/VIDEO/*.png"),
        check="vostool check-data --dataset vost --root ROOT --split val",
    ),
    Source(
        name="burst-annotations",
        title="BURST, run-length codes of train, val and test (without the frames)",
        page="https://github.com/Ali2500/BURST-benchmark",
        licence=_RESEARCH,
        archives=(
            Archive(
                "BURST-annotations.zip",
                ("https://omnomnom.vision.rwth-aachen.de/data/BURST/annotations.zip",),
                folder="BURST/annotations",
            ),
        ),
        layout=(
            "BURST/annotations/val/all_classes.json",
            "BURST/frames/val/DATASET/SEQUENCE/*.jpg (from motchallenge.net, TAO, with a login)",
        ),
        check="vostool check-data --dataset burst --root ROOT/BURST --split val",
    ),
)

_LOGIN = (
    _youtubevos(2018),
    _youtubevos(2019),
    Source(
        name="mose",
        title="MOSEv1 (complex video object segmentation)",
        page="https://henghuiding.github.io/MOSE/",
        licence="CC BY-NC-SA 4.0",
        layout=(
            "MOSE/train/JPEGImages/VIDEO/00000.jpg",
            "MOSE/train/Annotations/VIDEO/00000.png",
            "MOSE/valid/JPEGImages/VIDEO/00000.jpg",
            "MOSE/valid/Annotations/VIDEO/00000.png",
        ),
        check="vostool check-data --dataset mose --root ROOT/MOSE --split valid",
        steps="download train.tar.gz and valid.tar.gz from the links on its page (a cloud drive "
        "with sign-in), and extract both into ROOT/MOSE; published SHA-256: "
        "3f805e66ecb576fdd37a1ab2b06b08a428edd71994920443f70d09537918270b train.tar.gz, "
        "884baecf7d7e85cd35486e45d6c474dc34352a227ac75c49f6d5e4afb61b331c valid.tar.gz",
    ),
    Source(
        name="mosev2-train",
        title="MOSEv2 train",
        page="https://mose.video",
        licence="CC BY-NC-SA 4.0",
        layout=(
            "MOSEv2/train/JPEGImages/VIDEO/00000.jpg",
            "MOSEv2/train/Annotations/VIDEO/00000.png",
        ),
        check="vostool check-data --dataset mosev2 --root ROOT/MOSEv2 --split train",
        steps="download all parts of train.tar.gz from its Hugging Face data set, join them (cat "
        "train.tar.gz.* > train.tar.gz), and extract the result into ROOT/MOSEv2",
    ),
    *(
        Source(
            name=name,
            title=f"LVOS {edition} (long videos)",
            page="https://lingyihongfd.github.io/lvos.github.io/",
            licence="annotations CC BY 4.0, data for non-commercial use",
            layout=(
                f"{folder}/valid/JPEGImages/VIDEO/00000001.jpg",
                f"{folder}/valid/Annotations/VIDEO/00000001.png",
                f"{folder}/valid/valid_meta.json",
            ),
            check=f"vostool check-data --dataset {name} --root ROOT/{folder} --split valid",
            steps="download the archives of your splits and their meta files from the links on its "
            f"page (a cloud drive with sign-in), and extract them into ROOT/{folder}",
        )
        for name, edition, folder in (("lvos", "v1", "LVOS"), ("lvosv2", "v2", "LVOSv2"))
    ),
    Source(
        name="visor",
        title="VISOR (kitchens seen from the cook's head)",
        page="https://epic-kitchens.github.io/VISOR/",
        licence="CC BY-NC 4.0",
        layout=(
            "VISOR_2022/JPEGImages/480p/SEQUENCE/*.jpg",
            "VISOR_2022/Annotations/480p/SEQUENCE/*.png",
            "VISOR_2022/ImageSets/2022/*.txt",
            "VISOR_2022/val_data_mapping.json",
        ),
        check="vostool check-data --dataset visor --root ROOT --split val",
        steps="download images and polygons from its page, and write VISOR_2022 into ROOT with "
        "visor_to_davis.py of github.com/epic-kitchens/VISOR-VOS",
    ),
    Source(
        name="sav",
        title="SA-V val and test (objects that may overlap)",
        page="https://ai.meta.com/datasets/segment-anything-video/",
        licence="CC BY 4.0",
        layout=(
            "sav_val/JPEGImages_24fps/VIDEO/00000.jpg",
            "sav_val/Annotations_6fps/VIDEO/000/00000.png",
            "sav_val/sav_val.txt",
        ),
        check="vostool check-data --dataset sav --root ROOT --split val",
        steps="accept the licence on its page, download sav_val.tar and sav_test.tar, and extract "
        "both into ROOT",
    ),
)

SOURCES: tuple[Source, ...] = _DIRECT + _CHALLENGES + _TRACKERS + _LOGIN
"""All data sets and models, those with a direct address first."""


def find(name: str, sources: Iterable[Source] = SOURCES) -> Source:
    """The source of that name.

    Raises:
        UsageError: there is none; the message names the closest.
    """
    known = {source.name: source for source in sources}
    if name not in known:
        hint = did_you_mean(name, known)
        raise UsageError(
            f"no download is called {name!r}",
            remedy=f"{hint}vostool download --list shows all of them",
        )
    return known[name]
