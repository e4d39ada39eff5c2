"""The clock of tests."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(eq=False)
class Clock:
    """Stands until somebody moves it, also back."""

    at: datetime

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> datetime:
        """Move it, and return what it says then."""
        self.at += timedelta(**span)
        return self.at
