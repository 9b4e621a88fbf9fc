"""The line that every study goes along, whoever sends it: route, prepare in a child, score, judge, picture.

`scan` sends it a whole folder, `watch` one part after another.
"""

from inspect_ai.line.crew import Crew, Done
from inspect_ai.line.prepare import Prepared, Preview, prepare
from inspect_ai.line.routing import Route, Router
from inspect_ai.line.station import NOBODY, Station, open_stations

__all__ = ["NOBODY", "Crew", "Done", "Prepared", "Preview", "Route", "Router", "Station", "open_stations", "prepare"]
