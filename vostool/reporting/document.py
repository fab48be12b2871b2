"""A whole report: an overview and a page per video, as a folder or as one file."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vostool.core.console import progress
from vostool.core.files import write_text
from vostool.core.types import Video
from vostool.reporting.differences import VideoChanges
from vostool.reporting.entry import Entry
from vostool.reporting.objects import (
    ObjectFacts,
    collect_objects,
    object_pictures,
    objects_table,
)
from vostool.reporting.overview import (
    changes_section,
    objects_section,
    video_rank,
    videos_section,
)
from vostool.reporting.page import Page, Section, Viewer, render
from vostool.reporting.pictures import InlinePictures, PictureFolder, Pictures, slug
from vostool.reporting.sections import provenance_section, scores_section, time_section
from vostool.reporting.table import Link
from vostool.reporting.video_page import Place, video_page
from vostool.reporting.video_view import VideoView, view_video

log = logging.getLogger(__name__)

SINGLE_FILE_BYTES = 10_000_000
"""A single file stays below this, which mail servers take: fewer frames are shown if need be."""


@dataclass(frozen=True)
class Contents:
    """What a report is about.

    Attributes:
        title, subtitle: of the overview.
        entries: the predictions.
        videos: by name, each with what changed between the predictions.
    """

    title: str
    subtitle: str
    entries: Sequence[Entry]
    videos: Mapping[str, tuple[Video, VideoChanges]]

    @property
    def changes(self) -> dict[str, VideoChanges]:
        """What changed, by video."""
        return {name: changes for name, (_, changes) in self.videos.items()}


@dataclass(frozen=True)
class Limits:
    """At most so many videos have a page, frames per video and objects have a picture."""

    videos: int
    frames: int
    objects: int


class _Draft:
    """A report's facts in order, and the pages that follow from them."""

    def __init__(self, contents: Contents, limits: Limits, index: str):
        """With `index`, the name of the overview's file, pages are documents of their own."""
        self.contents, self.limits, self.index = contents, limits, index
        videos = [video for video, _ in contents.videos.values()]
        self.facts = collect_objects(contents.entries, videos, contents.changes)
        by_video: dict[str, list[ObjectFacts]] = {video.name: [] for video in videos}
        for item in self.facts:
            by_video[item.video.name].append(item)
        self.by_video = by_video
        self.ranked = sorted(videos, key=lambda v: video_rank(by_video[v.name], v))
        self.paged = [
            video
            for video in (self.ranked if limits.frames else [])
            if contents.changes[video.name].frames
        ][: limits.videos]
        self.places = {
            video.name: self._place(number, video) for number, video in enumerate(self.paged, 1)
        }

    def _place(self, number: int, video: Video) -> Place:
        anchor = slug(number, video.name)
        return Place(anchor, f"{anchor}.html" if self.index else "", alone=bool(self.index))

    def view(self, video: Video) -> VideoView:
        """Read a video's frames."""
        times = self.contents.changes[video.name].frames
        return view_video(self.contents.entries, video, times, self.limits.frames)

    def viewer(self, view: VideoView, pictures: Pictures) -> Viewer:
        """The page of a video that was read."""
        video, entries = view.video, self.contents.entries
        place = self.places[video.name]
        facts = self.by_video[video.name]
        table = objects_table(facts, entries, {video.name: place.inside}) if facts else None
        return video_page(
            view,
            entries,
            self.contents.changes[video.name],
            pictures,
            place,
            self._links(video),
            table,
        )

    def _links(self, video: Video) -> list[Link]:
        position = self.paged.index(video)
        links = [Link("Overview", self.index or "#")]
        for arrow, other in (("← {}", position - 1), ("{} →", position + 1)):
            if 0 <= other < len(self.paged):
                name = self.paged[other].name
                links.append(Link(arrow.format(name), self.places[name].address()))
        return links

    def overview(self, pictures: Pictures) -> Page:
        """Scores, videos, objects, what changed, provenance."""
        entries, changes = self.contents.entries, self.contents.changes
        scored = any(entry.scores is not None for entry in entries)
        shown = self.facts[: self.limits.objects]
        crops = object_pictures(shown, entries, self.places, pictures)
        sections: list[Section] = [scores_section(entries)] if scored else []
        sections.append(
            videos_section(self.ranked, self.facts, entries, changes, self.places, pictures)
        )
        sections.append(objects_section(self.facts, entries, self.places, crops))
        if len(entries) > 1:
            sections.append(changes_section(entries, changes, self.places))
        sections += [time_section(entries)] if scored else []
        sections.append(provenance_section(entries))
        return Page(self.contents.title, self.contents.subtitle, sections)


def write_folder(page: Path, contents: Contents, limits: Limits) -> None:
    """Write pictures and a page per video beside `page`, and `page`, the overview, last."""
    draft = _Draft(contents, limits, page.name)
    pictures = PictureFolder(page.parent)
    with progress("drawing the report", len(draft.paged), "videos") as bar:
        for video in draft.paged:
            viewer = draft.viewer(draft.view(video), pictures)
            title = f"{video.name}: {contents.title}"
            document = draft.places[video.name].document
            write_text(page.parent / document, render(title, None, [viewer]))
            bar.advance(note=video.name)
    write_text(page, render(contents.title, draft.overview(pictures)))


def write_single(page: Path, contents: Contents, limits: Limits) -> None:
    """Write everything into one file, with fewer frames, evenly chosen, where it is too large."""
    most_bytes = SINGLE_FILE_BYTES
    draft, pictures = _Draft(contents, limits, ""), InlinePictures()
    with progress("drawing the report", len(draft.paged), "videos") as bar:
        views = []
        for video in draft.paged:
            views.append(draft.view(video))
            bar.advance(note=video.name)
    overview = draft.overview(pictures)

    def rendered(views: Sequence[VideoView]) -> str:
        viewers = [draft.viewer(view, pictures) for view in views]
        return render(contents.title, overview, viewers)

    text = rendered(views)
    whole, all_frames = len(text), _count(views)
    while len(text) > most_bytes and _count(views) > 2 * len(views):
        # What does not depend on frames makes this too optimistic, so it is repeated.
        share = 0.97 * most_bytes / len(text)
        views = [view.thinned(share) for view in views]
        text = rendered(views)
    if _count(views) < all_frames:
        log.warning(
            f"with all frames the page would have {_size(whole)}, more than the "
            f"{_size(most_bytes)} of a single file: it shows {_count(views)} of {all_frames} "
            "frames, evenly chosen; for all of them leave out --single-file or show fewer videos"
        )
    if len(text) > most_bytes:
        log.warning(
            f"the page has {_size(len(text))} all the same: show fewer videos (--shown-videos) "
            "or fewer pictures of objects (--worst)"
        )
    write_text(page, text)


def _count(views: Sequence[VideoView]) -> int:
    return sum(len(view.frames) for view in views)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
