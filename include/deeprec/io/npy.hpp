/// Tensors as NumPy's .npy files: item vectors for `numpy.load` and the nearest-neighbour engines that read such files.
#pragma once

#include <string>

#include <deeprec/core/tensor.hpp>
#include <deeprec/io/replace_file.hpp>

DEEPREC_BEGIN

namespace detail {
/// Version 1.0 of https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, row-major.
inline std::string npy_header(std::string_view type, const Shape& shape) {
    std::string axes;
    for (int axis = 0; axis < shape.rank(); ++axis) axes += std::to_string(shape[axis]) + ", ";
    std::string text = message("{'descr': '", type, "', 'fortran_order': False, 'shape': (", axes, "), }");
    constexpr std::size_t before = 10;  // magic, version, length
    text.append(63 - (before + text.size()) % 64, ' ') += '\n';
    return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(text.size() & 255) +
           static_cast<char>(text.size() >> 8) + text;
}
}  // namespace detail

/// Writes a tensor or view of float, double, std::int32_t or std::int64_t, in place of the file if there is one
/// (FileReplacement: whole or not at all): `save_npy(item_vectors, "items.npy")`, and `numpy.load("items.npy")` reads
/// it. Throws FileError.
template <class X>
void save_npy(const X& x, const std::filesystem::path& path) {
    using T = ElementOf<X>;
    constexpr std::string_view type = std::is_same_v<T, float>          ? "<f4"
                                      : std::is_same_v<T, double>       ? "<f8"
                                      : std::is_same_v<T, std::int32_t> ? "<i4"
                                      : std::is_same_v<T, std::int64_t> ? "<i8"
                                                                        : "";
    static_assert(!type.empty(), "save_npy: a tensor of float, double, std::int32_t or std::int64_t");
    const auto v = view(x);
    FileReplacement file(path);
    file.write(detail::npy_header(type, v.shape()));
    file.write(v.data(), static_cast<std::size_t>(v.size()) * sizeof(T));
    file.commit();
}

DEEPREC_END
