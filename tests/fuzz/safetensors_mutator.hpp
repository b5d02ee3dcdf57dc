/// Changes header and data of a safetensors file apart from each other, and keeps the length before the header right:
/// what libFuzzer does by itself seldom gets beyond that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace fuzz {

inline std::size_t mutate_safetensors(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
    std::uint64_t length = 0;
    if (size >= 8) std::memcpy(&length, data, 8);
    if (seed % 8 == 0 || size < 8 || length > size - 8) return LLVMFuzzerMutate(data, size, most);
    std::string header(reinterpret_cast<const char*>(data) + 8, length);
    std::string tail(reinterpret_cast<const char*>(data) + 8 + length, size - 8 - length);
    std::string& part = seed % 8 == 1 && !tail.empty() ? tail : header;
    const std::size_t before = part.size(), room = most - (size - before);
    part.resize(room);
    part.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(part.data()), before, room));
    length = header.size();
    std::memcpy(data, &length, 8);
    std::memcpy(data + 8, header.data(), header.size());
    std::memcpy(data + 8 + header.size(), tail.data(), tail.size());
    return 8 + header.size() + tail.size();
}

}  // namespace fuzz

/// In a target whose inputs have `prefix` bytes before the file.
#define FUZZ_SAFETENSORS(prefix)                                                                                       \
    extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,             \
                                                   unsigned seed) {                                                    \
        if (size < prefix) return LLVMFuzzerMutate(data, size, most);                                                  \
        return prefix + fuzz::mutate_safetensors(data + prefix, size - prefix, most - prefix, seed);                   \
    }
