"""The takings of a decade's films by genre: the flow that the demo runs."""

import csv
import statistics
from collections import Counter
from pathlib import Path

import metaflow
from metaflow import FlowSpec, IncludeFile, Parameter, step

# Real data that comes with Metaflow: 3,751 films, their year, genres and takings in dollars.
MOVIES = Path(metaflow.__file__).parent / "tutorials" / "02-statistics" / "movies.csv"


class MovieFlow(FlowSpec):
    """Median and spread of the takings of one decade's films, for its largest genres."""

    movies = IncludeFile("movies", default=str(MOVIES), help="CSV file of films")
    decade = Parameter("decade", default=2000, help="first year of the decade")
    top = Parameter("top", default=4, help="how many genres, largest first")

    @step
    def start(self):
        films = [
            film
            for film in csv.DictReader(self.movies.splitlines())
            if int(film["title_year"]) // 10 * 10 == self.decade
        ]
        self.gross = {}
        for film in films:
            for genre in film["genres"].split("|"):
                self.gross.setdefault(genre, []).append(int(film["gross"]))
        counts = Counter({genre: len(gross) for genre, gross in self.gross.items()})
        self.genres = [genre for genre, _ in counts.most_common(self.top)]
        print(f"{len(films)} films of the {self.decade}s, {len(counts)} genres")
        self.next(self.measure, foreach="genres")

    @step
    def measure(self):
        self.genre = self.input
        gross = self.gross[self.genre]
        print(f"{self.genre}: {len(gross)} films")
        self.films = len(gross)
        self.median = statistics.median(gross)
        self.spread = statistics.stdev(gross)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.table = [(each.genre, each.films, each.median, each.spread) for each in inputs]
        self.next(self.end)

    @step
    def end(self):
        print(f"{len(self.table)} genres measured")


if __name__ == "__main__":
    MovieFlow()
