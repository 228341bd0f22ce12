"""What NTU RGB+D and NTU RGB+D 120 share: classes, subjects, files and cleaning.

Shahroudy et al., "NTU RGB+D: A large scale dataset for 3D human activity analysis", CVPR 2016; Liu
et al., "NTU RGB+D 120: A large-scale benchmark for 3D human activity understanding", TPAMI 2019.
Splits and counts: facts C.3.
"""

import functools
import pathlib
from collections.abc import Iterator

from data_pipelines.parsers import ntu, ntu_cleaning
from data_pipelines.parsers.sources import Source, sources
from data_pipelines.specs.dataset import DatasetSpec
from data_pipelines.specs.record import LeftOut, Record

# The first 60 are those of NTU RGB+D.
LABELS = (
    *("drink water", "eat meal", "brush teeth", "brush hair", "drop", "pick up"),
    *("throw", "sit down", "stand up", "clapping", "reading", "writing"),
    *("tear up paper", "put on jacket", "take off jacket", "put on a shoe"),
    *("take off a shoe", "put on glasses", "take off glasses", "put on a hat/cap"),
    *("take off a hat/cap", "cheer up", "hand waving", "kicking something"),
    *("reach into pocket", "hopping", "jump up", "phone call"),
    *("play with phone/tablet", "type on a keyboard", "point to something"),
    *("taking a selfie", "check time (from watch)", "rub two hands", "nod head/bow"),
    *("shake head", "wipe face", "salute", "put palms together"),
    *("cross hands in front", "sneeze/cough", "staggering", "falling down", "headache"),
    *("chest pain", "back pain", "neck pain", "nausea/vomiting", "fan self"),
    *("punch/slap", "kicking", "pushing", "pat on back", "point finger", "hugging"),
    *("giving object", "touch pocket", "shaking hands", "walking towards"),
    *("walking apart", "put on headphone", "take off headphone", "shoot at basket"),
    *("bounce ball", "tennis bat swing", "juggle table tennis ball", "hush"),
    *("flick hair", "thumb up", "thumb down", "make OK sign", "make victory sign"),
    *("staple book", "counting money", "cutting nails", "cutting paper"),
    *("snap fingers", "open bottle", "sniff/smell", "squat down", "toss a coin"),
    *("fold paper", "ball up paper", "play magic cube", "apply cream on face"),
    *("apply cream on hand", "put on bag", "take off bag", "put object into bag"),
    *("take object out of bag", "open a box", "move heavy objects", "shake fist"),
    *("throw up cap/hat", "capitulate", "cross arms", "arm circles", "arm swings"),
    *("run on the spot", "butt kicks", "cross toe touch", "side kick", "yawn"),
    *("stretch oneself", "blow nose", "hit with object", "wield knife", "knock over"),
    *("grab stuff", "shoot with gun", "step on foot", "high-five", "cheers and drink"),
    *("carry object", "take a photo", "follow", "whisper", "exchange things"),
    *("support somebody", "rock-paper-scissors"),
)

# The training subjects of the cross-subject protocols; NTU RGB+D has only the first 20.
TRAIN_SUBJECTS = (
    *(1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38),
    *(45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85, 86),
    *(89, 91, 92, 93, 94, 95, 97, 98, 100, 103),
)

PAGE = "https://rose1.ntu.edu.sg/dataset/actionRecognition"
ARCHIVES = "nturgbd_skeletons_s001_to_s017.zip", "nturgbd_skeletons_s018_to_s032.zip"


def files(raw: pathlib.Path) -> list[Source]:
    """Return the files of a folder or an archive, sorted by name; DataError if there are none."""
    return sources(raw, ".skeleton", "a folder of .skeleton files or of the official archives")


@functools.cache
def missing() -> frozenset[str]:
    """Return the samples of both datasets that their authors exclude."""
    lines = pathlib.Path(__file__).with_name("ntu_missing.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def records(source: Source, spec: DatasetSpec, setups: int) -> Iterator[Record | LeftOut]:
    """Yield a file's sequence, cleaned and centered, or why it has none.

    Files of later setups and actions are skipped: both datasets can be converted from one folder.

    Raises:
        FileError: the file cannot be used.
    """
    name = ntu.parsed_name(source.name, source.where)
    if name.setup > setups or name.action > len(spec.labels):
        return
    if source.name in missing():
        yield LeftOut(source.where, "on the official list of missing skeletons")
        return
    try:
        skeleton = ntu_cleaning.cleaned(ntu.parse(source.read(), source.where))
    except ntu_cleaning.NobodyError as error:
        yield LeftOut(source.where, str(error))
        return
    who = name.subject, name.camera, name.setup
    yield Record(skeleton, name.action - 1, *who, source.name)
