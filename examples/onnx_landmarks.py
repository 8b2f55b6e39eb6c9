#!/usr/bin/env python3
"""A model of awing in ONNX Runtime: python3 examples/onnx_landmarks.py MODEL.onnx PHOTO X0 Y0 X1 Y1

Prints the landmarks of the face in the box, x y a line, in pixels of the photo. The box is as tight around the face as its landmarks are,
as `awing detect PHOTO` prints it. Needs Python 3.11 or newer, onnxruntime, numpy and opencv-python-headless. MODEL.onnx is made by

    awing export --model builtin --format onnx --out MODEL.onnx
"""

import sys
import tomllib

import cv2
import numpy as np
import onnxruntime

STRIDE = 4


def crop_matrix(crop: dict, box: list[float], side: int) -> np.ndarray:
    """From photo to crop, 2 x 3. The centre of the top-left pixel is (0, 0) in both."""
    x0, y0, x1, y1 = box
    square = crop["margin"] * max(x1 - x0, y1 - y0)
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2 + crop["shift_y"] * square])
    scale = side / square
    return np.column_stack([np.eye(2) * scale, (side - 1) / 2 - scale * middle])


def cut(photo: np.ndarray, matrix: np.ndarray, side: int) -> np.ndarray:
    """The crop, black outside the photo. A photo much larger than the crop is blurred first, or its details would alias."""
    shrink = 1 / matrix[0, 0]
    if shrink > 1:
        photo = cv2.GaussianBlur(photo, (0, 0), 0.4 * shrink)
    return cv2.warpAffine(photo, matrix, (side, side), flags=cv2.INTER_LINEAR)


def peak(heatmap: np.ndarray) -> tuple[float, float, float]:
    """x and y in cells, and the height: the highest cell, moved to the tops of the parabolas through the logarithms beside it."""
    y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)

    def shift(line: np.ndarray, at: int) -> float:
        if not 0 < at < len(line) - 1:
            return 0.0
        before, middle, after = np.log(np.maximum(line[at - 1 : at + 2], 1e-6))
        bend = before - 2 * middle + after
        return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0

    return x + shift(heatmap[y], x), y + shift(heatmap[:, x], y), float(heatmap[y, x])


def main() -> None:
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    side = int(about["awing.input"])
    points = len(tomllib.loads(about["awing.scheme"])["points"])
    photo = cv2.imread(sys.argv[2])
    if photo is None:
        sys.exit(f"{sys.argv[2]}: cannot be read")
    matrix = crop_matrix(tomllib.loads(about["awing.crop"]), [float(v) for v in sys.argv[3:]], side)
    crop = cut(photo, matrix, side)[:, :, ::-1]  # OpenCV has blue first, the network red
    image = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32) / 255
    maps = session.run(["heatmaps"], {"image": image})[0][0]
    for heatmap in maps[:points]:  # a map after these is the boundary
        x, y, _ = peak(heatmap)
        pixel = (np.array([x, y]) + 0.5) * STRIDE - 0.5
        print(*((pixel - matrix[:, 2]) / matrix[0, 0]).round(2))


if __name__ == "__main__":
    main()
