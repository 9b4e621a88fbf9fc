"""Bright: which pictures are this task's own, and what its network looks at."""

from collections.abc import Iterator

from inspect_ai.domain import Measure, Study, Unit
from inspect_ai.plugins import Task, picture_quality, whole_picture


class Bright(Task):
    """Any camera picture; each is looked at whole. Change what differs for your parts, delete what does not."""

    title = "Bright"
    covers = "single pictures taken as those in its data card"

    def quality(self, study: Study) -> list[Measure]:
        """What a picture must be before a score may decide."""
        return [measure for image in study.images for measure in picture_quality(image.unit_range())]

    def units(self, study: Study) -> Iterator[Unit]:
        """Inputs of the network: here one a picture, resized to the size in config.yaml."""
        for index, image in enumerate(study.images):
            yield whole_picture(image.unit_range(), self.config, index, image.sop_instance_uid)
