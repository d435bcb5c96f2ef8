import os

# vLLM's Python code for CPUs, from a wheel that was compiled for GPUs: before vLLM is imported.
os.environ["VLLM_TARGET_DEVICE"] = "cpu"
os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
