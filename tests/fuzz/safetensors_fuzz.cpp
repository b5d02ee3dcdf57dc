/// Files of tensors: every tensor is read, converted where it may be, and what was read is written and read again.
#include <deeprec/io/safetensors.hpp>

#include <sstream>

#include "fuzz/fuzz.hpp"

using namespace deeprec;

FUZZ_SAFETENSORS(safetensors, 0, bytes) {
    SafetensorsReader file(std::make_unique<std::istringstream>(std::string(bytes)), "file");
    SafetensorsWriter writer;
    writer.metadata = file.metadata();
    std::vector<std::vector<double>> kept;
    for (const auto& item : file.tensors()) {
        const std::string& name = item.first;
        const TensorEntry& entry = item.second;
        Index size = 1;
        for (const Index extent : entry.shape) size *= extent;
        std::vector<double>& numbers = kept.emplace_back(static_cast<std::size_t>(size));
        std::vector<std::uint8_t> raw(static_cast<std::size_t>(size));
        std::vector<float> single(static_cast<std::size_t>(size));
        try {
            if (entry.dtype == "U8") file.read(name, entry.shape, raw.data());
            file.read(name, entry.shape, numbers.data(), Convert::yes);
            writer.add(name, entry.shape, numbers.data());
            file.read(name, entry.shape, single.data(), Convert::yes);
        } catch (const Error&) {
        }
    }
    std::ostringstream out;
    writer.write(out);
    SafetensorsReader again(std::make_unique<std::istringstream>(out.str()), "again");
    fuzz::require(again.metadata() == file.metadata());
}
