"""All benchmarks: `python -m tests.benchmarks`."""

from __future__ import annotations

from tests.benchmarks import bench_onnx, bench_tflite

if __name__ == "__main__":
    bench_onnx.main()
    bench_tflite.main()
