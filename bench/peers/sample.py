"""One training sample of awing's default recipe with OpenCV and NumPy: crop, variation, targets, boundary, weights."""

import cv2
import numpy as np

SIZE, MAP, STRIDE, SIGMA, MARGIN = 256, 64, 4, 1.5, 1.3
LUMA = np.array([0.299, 0.587, 0.114])
CELLS = np.arange(MAP, dtype=np.float32)
# The mirror pairs and the boundary lines of the 68 points of 300-W.
PAIRS = [(i, 16 - i) for i in range(8)] + [(17 + i, 26 - i) for i in range(5)] + [(31, 35), (32, 34)]
PAIRS += [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46), (48, 54), (49, 53), (50, 52), (55, 59), (56, 58)]
PAIRS += [(60, 64), (61, 63), (65, 67)]
MIRROR = np.arange(68)
for a, b in PAIRS:
    MIRROR[a], MIRROR[b] = b, a
LINES = [list(range(a, b + 1)) for a, b in [(0, 16), (17, 21), (22, 26), (27, 30), (31, 35), (36, 39), (42, 45)]]
LINES += [[36, 41, 40, 39], [42, 47, 46, 45], list(range(48, 55)), [48, 59, 58, 57, 56, 55, 54]]
LINES += [list(range(60, 65)), [60, 67, 66, 65, 64]]
KERNEL = np.ones((3, 3), np.uint8)
# The maps with a row of zeros above and below each, so that one dilation serves all of them.
FRAMED, DILATED = np.zeros((2, 69, MAP + 2, MAP), np.float32)


def geometry(points: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random photo-to-crop matrix, 2 x 3, and the points in the crop; drawn anew while points leave the crop."""
    low, high = points.min(0), points.max(0)
    side, center = MARGIN * (high - low).max(), (low + high) / 2
    mirror = rng.random() < 0.5
    for _ in range(5):
        angle = np.radians(rng.uniform(-50, 50))
        scale = (1 + rng.uniform(-0.15, 0.15)) * SIZE / side
        shift = rng.uniform(-25 / 256, 25 / 256, 2) * SIZE
        cos, sin = scale * np.cos(angle), scale * np.sin(angle)
        flip = -1 if mirror else 1
        turn = np.array([[flip * cos, -flip * sin], [sin, cos]])
        matrix = np.column_stack([turn, (SIZE - 1) / 2 + shift - turn @ center])
        moved = points @ turn.T + matrix[:, 2]
        if (moved >= 0).all() and (moved <= SIZE - 1).all():
            break
    return matrix, moved[MIRROR] if mirror else moved


def occlude(image: np.ndarray, rng: np.random.Generator) -> None:
    """Covers a rectangle or an ellipse with a colour, noise, or another part of the image."""
    width, height = (rng.uniform(0.1, 0.4, 2) * SIZE).astype(int)
    (x, v), (y, w) = rng.integers(0, SIZE - width + 1, 2), rng.integers(0, SIZE - height + 1, 2)
    kind = rng.integers(3)
    if kind == 0:
        content = np.empty((height, width, 3), np.uint8)
        content[:] = rng.integers(0, 256, 3)
    elif kind == 1:
        content = np.empty((height, width, 3), np.uint8)
        cv2.randn(content, (128,) * 3, (64,) * 3)
    else:
        content = image[w : w + height, v : v + width].copy()
    place = image[y : y + height, x : x + width]
    if rng.random() < 0.5:
        mask = np.zeros((height, width), np.uint8)
        cv2.ellipse(mask, (width // 2, height // 2), (width // 2, height // 2), 0, 0, 360, 255, -1)
        cv2.copyTo(content, mask, place)
    else:
        place[:] = content


def vary(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Occlusion, colour, grey, blur, noise and JPEG, each as often and as strong as by awing's default."""
    if rng.random() < 0.4:
        occlude(image, rng)
    if rng.random() < 0.5:
        # Saturation, brightness and contrast are one affine map of the three channels.
        brightness, contrast, saturation = rng.uniform((0.7, 0.7, 0.6), (1.3, 1.3, 1.4))
        mix = contrast * brightness * (saturation * np.eye(3) + (1 - saturation) * LUMA)
        offset = (1 - contrast) * brightness * np.mean(cv2.mean(image)[:3])
        image = cv2.transform(image, np.column_stack([mix, np.full(3, offset)]))
    if rng.random() < 0.2:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < 0.3 and (sigma := rng.uniform(0, 3)) > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    if rng.random() < 0.2:
        noise = np.empty(image.shape, np.int16)
        cv2.randn(noise, (0,) * 3, (rng.uniform(0, 15),) * 3)
        image = cv2.add(image, noise, dtype=cv2.CV_8U)
    if rng.random() < 0.2:
        quality = int(rng.integers(20, 81))
        image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return image


def profiles(center: np.ndarray) -> np.ndarray:
    """A Gaussian along one axis for each point, [points, MAP], cut at three sigma."""
    distance = CELLS - center[:, None]
    distance *= distance
    # Far away the exponential would be a denormal number, which is slow to compute and cut off anyway.
    near = np.exp(np.minimum(distance, 9 * SIGMA**2) * (-0.5 / SIGMA**2))
    return np.where(distance <= 9 * SIGMA**2, near, 0)


def encode(points: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> None:
    """Fills targets and weights, [69, MAP, MAP]."""
    cells = ((points + 0.5) / STRIDE - 0.5).astype(np.float32)
    maps = FRAMED[:, 1:-1]
    np.multiply(profiles(cells[:, 1])[:, :, None], profiles(cells[:, 0])[:, None, :], out=maps[:68])
    lines = np.full((MAP, MAP), 255, np.uint8)
    cv2.polylines(lines, [np.round(cells[line]).astype(np.int32) for line in LINES], False, 0)
    distance = cv2.distanceTransform(lines, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    maps[68] = np.where(distance < 3, np.exp(np.minimum(distance, 3) ** 2 * -0.5), 0)
    targets[:] = maps
    cv2.dilate(FRAMED.reshape(-1, MAP), KERNEL, dst=DILATED.reshape(-1, MAP))
    np.greater_equal(DILATED[:, 1:-1], 0.2, out=weights)
    weights *= 10
    weights += 1


class Sampler:
    """Makes samples into the same memory again and again: fresh pages would cost as much as the work."""

    def __init__(self):
        self.image = np.empty((3, SIZE, SIZE), np.float32)
        self.targets, self.weights = np.empty((2, 69, MAP, MAP), np.float32)

    def make(self, photo: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> None:
        """The image in [0, 1], the targets and the weights of a photo (RGB) and its 68 points."""
        matrix, moved = geometry(points, rng)
        image = vary(cv2.warpAffine(photo, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR), rng)
        np.multiply(image.transpose(2, 0, 1), np.float32(1 / 255), out=self.image)
        encode(moved, self.targets, self.weights)
