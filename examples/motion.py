"""How much of a camera's picture has changed since the one before: where your own processing goes."""

import cv2

# Pixels of the small picture that differ by more than this, of 255, have changed.
THRESHOLD = 25


class Motion:
    """Keeps the picture before, for each camera."""

    def __init__(self):
        self.before = {}

    def changed(self, camera, image):
        """`image`: height x width x 3 bytes, blue first, as OpenCV has it. Gives a share from 0 to 1."""
        grey = cv2.cvtColor(cv2.resize(image, (320, 180), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
        before = self.before.get(camera, grey)
        self.before[camera] = grey
        return float((cv2.absdiff(grey, before) > THRESHOLD).mean())
