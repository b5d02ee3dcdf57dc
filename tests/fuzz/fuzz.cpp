/// fuzz seeds DIRECTORY: writes DIRECTORY/TARGET/..., what each target starts from.
/// FUZZ_TARGET=NAME fuzz [libFuzzer's arguments]: runs one target. A variable, because libFuzzer starts this program
/// again for -jobs and -merge.
#include "fuzz/fuzz.hpp"

#include <cstdint>
#include <cstdio>
#include <cstring>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

fuzz::Target target{};

/// Changes header and data of a safetensors file apart from each other, and keeps the length before the header right:
/// what libFuzzer does by itself seldom gets beyond that.
std::size_t mutate_safetensors(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
    std::uint64_t length = 0;
    if (size >= 8) std::memcpy(&length, data, 8);
    if (seed % 8 == 0 || size < 8 || length > size - 8) return LLVMFuzzerMutate(data, size, most);
    std::string header(reinterpret_cast<const char*>(data) + 8, length);
    std::string tail(reinterpret_cast<const char*>(data) + 8 + length, size - 8 - length);
    std::string& part = seed % 8 == 1 && !tail.empty() ? tail : header;
    const std::size_t before = part.size(), room = most - (size - before);
    if (room == 0) return LLVMFuzzerMutate(data, size, most);
    part.resize(room);
    part.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(part.data()), before, room));
    length = header.size();
    std::memcpy(data, &length, 8);
    std::memcpy(data + 8, header.data(), header.size());
    std::memcpy(data + 8 + header.size(), tail.data(), tail.size());
    return 8 + header.size() + tail.size();
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
    if (*count == 3 && std::string_view((*arguments)[1]) == "seeds") {
        fuzz::write_seeds((*arguments)[2]);
        std::exit(0);
    }
    const char* const name = std::getenv("FUZZ_TARGET");
    const auto found = fuzz::targets().find(name ? name : "");
    if (found == fuzz::targets().end()) {
        std::fputs("expected in FUZZ_TARGET one of", stderr);
        for (const auto& known : fuzz::targets()) std::fprintf(stderr, " %s", known.first.c_str());
        std::fputs("\n", stderr);
        std::exit(2);
    }
    target = found->second;
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        target.run({reinterpret_cast<const char*>(data), size});
    } catch (const deeprec::Error&) {
    }
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
    if (target.prefix < 0) return LLVMFuzzerMutate(data, size, most);
    const auto prefix = static_cast<std::size_t>(target.prefix);
    if (size < prefix) return LLVMFuzzerMutate(data, size, most);
    return prefix + mutate_safetensors(data + prefix, size - prefix, most - prefix, seed);
}
