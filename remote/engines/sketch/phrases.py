"""The wordings of each term. `paragraph` chooses one of several that state the same fact.

`paragraph` also fills in the names in braces.
"""

from __future__ import annotations

Wordings = tuple[str, ...]

LIGHT: Wordings = (
    "The lighting is {level}, with {contrast} contrast{clipped}.",
    "The {shape} frame is {level}, and its contrast is {contrast}{clipped}.",
    "The scene is lit so that the overall exposure is {level}, with {contrast} contrast{clipped}.",
    "Exposure is {level}, and light and shadow meet in {contrast} contrast{clipped}.",
)
LEVEL = {
    "very dark": "very dark",
    "dark": "low and dark",
    "subdued": "subdued",
    "balanced": "even and balanced",
    "bright": "bright",
    "very bright": "very bright",
}
BLACKS: Wordings = (
    "deep blacks covering {share} of the picture",
    "shadows that sink to pure black over {share} of the frame",
)
WHITES: Wordings = (
    "highlights that burn out to pure white over {share} of the picture",
    "pure white covering {share} of the frame",
)

COLOURS: Wordings = (
    "The color palette is dominated by {colours}{accent}.",
    "{Colours} {set_} the palette of the scene{accent}.",
    "Most of the surfaces appear in {colours}{accent}.",
    "The picture is built on {colours}{accent}.",
)
ACCENT: Wordings = (
    ", with a small accent of {accent}",
    ", and a touch of {accent} stands out against it",
    ", set off by small areas of {accent}",
)
SATURATION = {
    "neutral": ("The colors are nearly neutral", "There is hardly any color in the picture"),
    "muted": ("The colors are muted", "Saturation stays low and the tones look restrained"),
    "moderately saturated": ("The colors are moderately saturated", "Saturation is moderate"),
    "rich": ("The colors are rich", "Saturation is high and the tones look full"),
    "vivid": ("The colors are vivid", "Saturation is very high and the tones look intense"),
}
TEMPERATURE = {
    "cool": (", leaning toward cool blue", ", and the white balance leans cool"),
    "balanced": (", neither warm nor cool", ", balanced between warm and cool"),
    "warm": (", leaning toward warm yellow", ", and the white balance leans warm"),
}

TEXTURE = {
    "smooth": ("smooth surfaces with next to no edges", "soft areas almost free of detail"),
    "simple": ("broad, simple shapes with few fine edges", "large plain areas and few edges"),
    "detailed": (
        "clear edges and a good amount of detail",
        "well-defined shapes and visible detail",
    ),
    "dense": ("dense, fine detail", "a dense weave of fine edges and texture"),
}
COMPOSITION: Wordings = (
    "The {shape} composition consists of {texture}{where}{calm}.",
    "The image shows {texture}{where}{calm}.",
    "The {shape} frame holds {texture}{where}{calm}.",
)
GATHERED: Wordings = (
    ", with more of the detail in {place} than elsewhere",
    ", concentrated in {place}",
    ", and the eye is drawn to {place}, where the detail is densest",
)
SPREAD: Wordings = (
    ", spread evenly over the whole frame",
    ", with no single area standing out",
)
CALM: Wordings = (
    ", while {place} is the plainest part",
    ", and {place} is comparatively plain",
    "; {place} holds the least of it",
)

CAMERA_STILL: Wordings = (
    "The camera remains static throughout, holding the same view from beginning to end.",
    "The camera holds its position for the whole video and the framing does not change.",
    "The view is fixed: the camera stays locked in place from the first moment to the last.",
)
ONE_FRAME: Wordings = (
    "The view is held as a still, a single composed moment.",
    "It is one still moment, and the framing is fixed.",
    "Everything is held in a single still view.",
)
VIEW = {
    "still": ("holds still", "stays in place"),
    "pan right": ("pans {pace} to the right", "moves {pace} to the right"),
    "pan left": ("pans {pace} to the left", "moves {pace} to the left"),
    "tilt up": ("tilts {pace} upward", "moves {pace} upward"),
    "tilt down": ("tilts {pace} downward", "moves {pace} downward"),
    "pan right tilt up": (
        "moves {pace} to the right and upward",
        "pans {pace} up and to the right",
    ),
    "pan right tilt down": (
        "moves {pace} to the right and downward",
        "pans {pace} down and to the right",
    ),
    "pan left tilt up": ("moves {pace} to the left and upward", "pans {pace} up and to the left"),
    "pan left tilt down": (
        "moves {pace} to the left and downward",
        "pans {pace} down and to the left",
    ),
    "nears": ("moves closer, and the middle of the view grows larger", "zooms in on the middle"),
    "recedes": ("pulls back, and more of the surroundings come into view", "zooms out"),
}
CUT: Wordings = ("the video cuts to a different view", "there is a cut to another view")
UNCLEAR: Wordings = (
    "much of the view changes as the video progresses",
    "the picture changes over most of its area as time passes",
)
FIRST: Wordings = ("At the beginning, ", "First, ", "To begin with, ")
NEXT: Wordings = ("Then ", "After that, ", "As the video progresses, ")

MOVEMENT = {
    "none": (
        "Nothing in the frame moves noticeably, and every part of it stays where it is.",
        "No movement is visible inside the frame; everything rests in its place.",
    ),
    "slight": (
        "There is a little movement{toward}{where}, while the rest of the frame stays still.",
        "A slight movement{toward} can be seen{where}; everything else is at rest.",
    ),
    "clear": (
        "There is clear movement{toward}{where}, while most of the frame stays as it is.",
        "As the video progresses, there is visible movement{toward}{where}; most of the frame stays still.",
    ),
    "much": (
        "Much of the frame is in motion{toward}{where}.",
        "Movement{toward} fills a large part of the frame{where}.",
    ),
}
MOVEMENT_PLACE: Wordings = (" in {place}", ", mainly in {place},", ", most of all in {place},")
MOVEMENT_SPREAD: Wordings = (" in several places", " at various points of the frame")

LIGHT_CHANGE = {
    "steady": (
        "The light stays constant over time.",
        "Brightness holds steady from the first moment to the last.",
    ),
    "brighter": (
        "As time passes, the picture grows brighter.",
        "The light increases over the course of the video.",
    ),
    "darker": (
        "As time passes, the picture grows darker.",
        "The light fades over the course of the video.",
    ),
}

CLOSING: Wordings = (
    "Overall, the look is {level} and {saturation}, and the pace is {tempo}.",
    "The overall impression is {tempo}, with a {level}, {saturation} look.",
    "The visual style stays {level} and {saturation} throughout, with a {tempo} rhythm.",
)
CLOSING_STILL: Wordings = (
    "Overall, the look is {level} and {saturation}.",
    "The overall impression is that of a {level}, {saturation} picture.",
)
SATURATION_ADJECTIVE = {
    "neutral": "almost colorless",
    "muted": "muted",
    "moderately saturated": "naturally colored",
    "rich": "richly colored",
    "vivid": "vividly colored",
}

EMPTY_PROMPT: Wordings = (
    "The video shows a {shape} scene.",
    "The video presents a scene in a {shape} frame.",
)
TEXT_ONLY: Wordings = (
    "The video stays with this scene from beginning to end.",
    "The whole video is devoted to this scene.",
    "From the first moment to the last, the video keeps to exactly this.",
)
