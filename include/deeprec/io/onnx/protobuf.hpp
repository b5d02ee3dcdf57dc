/// Writing protobuf messages, as far as ONNX files need them (https://protobuf.dev/programming-guides/encoding).
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include <deeprec/version.hpp>

DEEPREC_BEGIN

namespace onnx {

/// A message: fields of (number, value) in the order of the calls. A repeated field is called for more than once.
class Message {
public:
    /// Appends a field that is a whole number.
    Message& integer(unsigned field, std::int64_t value) {
        varint(field << 3);
        varint(static_cast<std::uint64_t>(value));
        return *this;
    }
    /// Appends a field that is a float.
    Message& number(unsigned field, float value) {
        varint(field << 3 | 5);
        const auto bits = std::bit_cast<std::uint32_t>(value);
        for (unsigned shift = 0; shift < 32; shift += 8) bytes_ += static_cast<char>((bits >> shift) & 255);
        return *this;
    }
    /// Texts and bytes.
    Message& text(unsigned field, std::string_view value) {
        varint(field << 3 | 2);
        varint(value.size());
        bytes_ += value;
        return *this;
    }
    /// Appends a field that is a message.
    Message& message(unsigned field, const Message& value) { return text(field, value.bytes_); }
    /// What has been appended, as it goes into the file.
    const std::string& bytes() const { return bytes_; }

private:
    /// Seven bits a byte, the lowest first.
    void varint(std::uint64_t value) {
        for (; value >= 128; value >>= 7) bytes_ += static_cast<char>((value & 127) | 128);
        bytes_ += static_cast<char>(value);
    }

    std::string bytes_;
};

}  // namespace onnx
DEEPREC_END
