"""NVIDIA GPUs as XLA's compiler wants them described, for compiling without one."""

from dataclasses import dataclass

# What these generations have in common. Units: threads, bytes.
_COMMON = """
  threads_per_block_limit: 1024 threads_per_warp: 32 threads_per_core_limit: 2048
  shared_memory_per_block: 49152
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  thread_dim_limit_x: 1024 thread_dim_limit_y: 1024 thread_dim_limit_z: 64
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
"""


@dataclass(frozen=True)
class Gpu:
    """One kind of GPU.

    Attributes:
        name: as its driver calls it.
        capability: the compute capability, major and minor.
        cores: streaming multiprocessors.
        lanes: float32 units of each.
        clock: in GHz.
        memory: bytes.
        bandwidth: bytes a second.
        cache: bytes of the L2 cache.
        shared: bytes of shared memory of a multiprocessor, of which a block may use 1 KiB less.
    """

    name: str
    capability: tuple[int, int]
    cores: int
    lanes: int
    clock: float
    memory: int
    bandwidth: int
    cache: int
    shared: int

    def description(self) -> str:
        """Return the description, a `GpuTargetConfigProto` as text."""
        major, minor = self.capability
        return f"""gpu_device_info {{{_COMMON}
  core_count: {self.cores} fpus_per_core: {self.lanes} clock_rate_ghz: {self.clock}
  device_memory_size: {self.memory} memory_bandwidth: {self.bandwidth} l2_cache_size: {self.cache}
  shared_memory_per_core: {self.shared} shared_memory_per_block_optin: {self.shared - 1024}
  cuda_compute_capability {{ major: {major} minor: {minor} }}
}}
platform_name: "CUDA" dnn_version_info {{ major: 9 minor: 8 }}
device_description_str: "{self.name}"
"""


# Numbers of the specifications in openxla/xla, xla/backends/gpu/target_config/specs.
GPUS = {
    "a100": Gpu(
        "NVIDIA A100-SXM4-80GB",
        (8, 0),
        *(108, 64, 1.41, 85_100_068_864, 2_039_040_000_000, 41_943_040, 167_936),
    ),
    "h100": Gpu(
        "NVIDIA H100 80GB HBM3",
        (9, 0),
        *(132, 128, 1.98, 84_978_434_048, 3_352_320_000_000, 52_428_800, 233_472),
    ),
    "b200": Gpu(
        "NVIDIA B200",
        (10, 0),
        *(148, 128, 1.965, 191_514_411_008, 7_672_320_000_000, 132_644_864, 233_472),
    ),
}
