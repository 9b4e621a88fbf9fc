"""Numbers of the planner in one place: each with its meaning, and its source or the data that it was tried on."""

from __future__ import annotations

# Time
DEFAULT_BUDGET = "1h"
START_S = 15.0  # starting, exporting the graph and checking it
DECODE_S_PER_MPX = 0.02  # reading and preparing one megapixel of a picture
SAFETY = 0.9  # share of the budget that is planned; the machine may do other things

# How much is learnt. A picture seen is one augmented picture in one step. `small` was ahead on
# tiles after 14 passes, in the time of 20 with `tiny`; one seed, by a plan that was edited for it.
LEAST_SEEN = 9_000  # below it a larger input or trunk costs more than it gives
LEAST_EPOCHS = 14  # likewise
MOST_SEEN = 120_000  # from here on a schedule gains little on thousands of pictures
MOST_EPOCHS = 120
SMALLEST_EPOCH = 400  # pictures; shorter epochs spend their time on validation
SPARE = 2.0  # times the least that must fit before an input grows beyond the detail that was measured
LARGEST_EPOCH = 2_000  # pictures; longer ones leave too few weights to choose from

# Input. Convolutions stop at strides 8, 16 and 32: what covers less than one cell of 8 px is hardly seen
# ("smallest lesion >= 8 px": resolution was the largest single gain on 224 px against 28 px, MedMNIST+).
SMALLEST_OBJECT_PX = 8.0
MOST_SHRUNK = 2.0  # by the measure of detail alone: it is a mean, and what is rare hardly shows in it
STEP_PX = 32  # sides are multiples of it: the coarsest stride
LEAST_SIDE_PX, MOST_SIDE_PX = 64, 1024
LEAST_SCALE = 0.6  # of the wanted side, below which `tiny` at a larger side is taken instead of `small`
CROP_PX = 224  # side of training crops where masks tell what a crop shows
WHOLE_UP_TO_PX = 1600  # longer pictures are shrunk even where masks are

# Network: `small` is the better one where it can be trained long enough (docs/comparison.md) on enough that differs:
# of 8 castings in order it learnt each one, of 70 tiles it did not (docs/results.md, folders of one's own).
SMALL, TINY = "small", "tiny"
FEW_UNITS = 20  # independent ones of train's scarcer side
DROP_PATH = 0.05
FROZEN = 3  # stem and first blocks that stay as pretrained, as in configs/: a step takes half (tiny) to three quarters

# Symmetry: areas under the curve of "turned or not" (symmetry.py); 0.5 is chance.
FREELY_TURNED = 0.60  # look: below it pictures may be turned by any angle
SAME_SHAPE = 0.75  # shape: below it a quarter turn leaves grain and edges as they are
FIXED_POSE = 0.85  # shape: from it on the parts lie so alike that mirrored ones never come
TELLING_GROUPS = 20  # of the measured pictures; with fewer, that no turn is visible says nothing, and none is made
CROSSING = 0.65  # from it on turning makes one side of the decision look like the other

# Augmentation: strengths that the shipped tasks use (configs/), widened by what the folder itself shows.
SMALL_TURN_DEGREES = 5.0
PLAIN_RIM = 0.35  # 0.15 for castings on their ground; 0.7 to 0.8 for tiles, steel, nodules and eyes
SCALE, SHIFT = 0.1, 0.05
LEAST_LIGHT, MOST_LIGHT = 0.1, 0.3  # of brightness and contrast
GAMMA = 0.15
BLUR, NOISE, NOISE_WHERE_NOISY = 0.1, 0.05, 0.15
NOISY = 1.5  # grey levels of 255
PASTE = 0.5  # share of negatives that get a defect of another picture, where masks are

# Learning
BATCH, SMALL_BATCH, FEW_PICTURES = 32, 16, 400
LR = 1e-3  # of AdamW at batch 32, as in all shipped configs; scaled by the square root of the batch
LABEL_SMOOTHING = 0.03
BALANCED = (0.35, 0.65)  # shares of positives that are left as they are
RARE_SHARE, COMMON_SHARE = 0.4, 0.5  # shares that are drawn outside of it
PATIENCE_SHARE = 0.5  # of the epochs, without a better val, end a training

# Views at work cost time with each picture: eight of a small picture, four of a middle one.
EIGHT_VIEWS_UP_TO_PX = 160
FOUR_VIEWS_UP_TO_PX = 512

# Calibration (calibration/planning.py gives the counts for these)
CONFIDENCE = 0.95
MOST_MISSES = 2
MOST_CALIBRATION_SHARE = 0.4  # of train's groups, where a folder has no calibration split
MOST_TAKEN = 1 / 3  # of train's positives, where it has one that is too small

# Sweep
TUNE_SHARE = 0.25  # of the epochs, for all short trainings of --tune together
