"""The names of all recordings of NTU RGB+D and NTU RGB+D 120, those without skeletons included."""

from collections.abc import Iterator

# Whom each setup recorded. Everybody did each action twice, before three cameras: actions 1 to 60
# in setups 1 to 17, actions 61 to 120 in the others.
SUBJECTS = {
    1: "1 2 3 4 5 6 7 8",
    2: "3 7 8 9 10 11 12 13 14",
    3: "1 2 7 8 15 16 17 18 19",
    4: "3 7 8 20",
    5: "4 10 13 15 16 17 18 21",
    6: "1 7 8 15 16 17 19 22 23 24",
    7: "1 7 8 15 16 17 18 19 25 26 27 28",
    8: "1 7 8 15 19 25 29 30 31 32 33 34 35 36",
    9: "7 8 15 16 17 19 25",
    10: "7 8 13 15 16 17 18 19 21 25",
    11: "1 2 7 8 15 16 17 18 19 25 27 28 38",
    12: "7 8 15 16 17 18 19 25 27 28 37",
    13: "7 8 15 16 17 18 19 25 27 28 37",
    14: "7 8 15 17 19 25 27 37 39",
    15: "7 8 15 16 17 19 25 37",
    16: "7 8 19 21 25 39 40",
    17: "3 7 8 9 15 16 17 20",
    18: "8 41 42 43 44 45",
    19: "8 41 42 46 47 48 49 50 51",
    20: "8 41 43 44 52 53 54",
    21: "55 56 57 58 59 60",
    22: "61 62 63 64 65 66 67",
    23: "55 56 57 58 59 60 61 62 63 64 65 66 67 68",
    24: "57 60 61 62 63 64 67",
    25: "55 56 58 59 65 66 68",
    26: "8 41 44 49 50 51 69 70 71 72 74 75 76 77",
    27: "6 8 11 41 43 44 78 79 80 81 82 83 84 85 86",
    28: "8 41 42 43 46 48 70 73 87",
    29: "6 8 41 43 44 48 49 51 67 74 75 80 88 89 90",
    30: "8 11 41 43 44 48 67 75 76 81 85 88 91 92 93 94 95 96",
    31: "6 8 41 42 43 44 51 67 82 85 96 97 98 99 100 101",
    32: "8 41 43 44 67 102 103 104 105 106",
}


def names(setups: int) -> Iterator[str]:
    """Yield the names of all recordings of so many setups, in order."""
    for setup in range(1, setups + 1):
        first = 1 if setup <= 17 else 61
        for camera in (1, 2, 3):
            for subject in map(int, SUBJECTS[setup].split()):
                for repetition in (1, 2):
                    for action in range(first, first + 60):
                        place = f"S{setup:03}C{camera:03}P{subject:03}R{repetition:03}"
                        yield f"{place}A{action:03}"
