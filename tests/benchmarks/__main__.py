"""All benchmarks whose peers install beside kexport: `python -m tests.benchmarks`."""

from __future__ import annotations

from tests.benchmarks import bench_capture, bench_coreml, bench_onnx, bench_tflite, bench_together

if __name__ == "__main__":
    for bench in (bench_capture, bench_onnx, bench_tflite, bench_coreml, bench_together):
        bench.main()
