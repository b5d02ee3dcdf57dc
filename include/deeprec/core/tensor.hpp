/// Tensors are row-major and own their memory; layers read and write them through views that carry the mask of time.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <deeprec/core/buffer.hpp>
#include <deeprec/core/shape.hpp>

// Enough of Eigen's names to say what `map()` returns. Its tensor header costs a program a second or two, and what it
// allocates may be freed by code compiled with other flags, so it is neither read nor used here.
namespace Eigen {
template <class Scalar, int Rank, int Options, class IndexType>
class Tensor;
template <class T>
struct MakePointer;
template <class Plain, int Options, template <class> class Pointer>
class TensorMap;
}  // namespace Eigen

DEEPREC_BEGIN

/// A rank that is not known at compile time.
inline constexpr int any_rank = -1;

template <class T, int Rank>
class View;

namespace detail {
/// `Eigen::TensorMap<Eigen::Tensor<T, Rank, Eigen::RowMajor>>`, of a const tensor for a const T.
template <class T, int Rank>
using EigenMap =
    Eigen::TensorMap<std::conditional_t<std::is_const_v<T>, const Eigen::Tensor<std::remove_const_t<T>, Rank, 1, Index>,
                                        Eigen::Tensor<T, Rank, 1, Index>>,
                     0, Eigen::MakePointer>;

/// Where the element at `at` stands in a row-major tensor. Debug builds check the indices.
template <std::size_t Rank, class... Indices>
Index offset(const std::array<Index, Rank>& extents, Indices... at) {
    static_assert(sizeof...(Indices) == Rank, "deeprec: a tensor takes as many indices as it has axes");
    Index position = 0;
    const Index* extent = extents.data();
    const auto step = [&](Index i) {
        assert(i >= 0 && i < *extent && "deeprec: an index lies outside the tensor");
        position = position * *extent++ + i;
    };
    (step(static_cast<Index>(at)), ...);
    return position;
}

/// The product of the extents. Throws ShapeError for a negative one, and where bytes could no longer be counted
/// (an extent of 0 does not hide others that are too large).
Index checked_size(const Index* extents, int rank, std::size_t bytes_each);
#if DEEPREC_BODIES
DEEPREC_FUNCTION Index checked_size(const Index* extents, int rank, std::size_t bytes_each) {
    const auto list = [&] {
        std::string text;
        for (int axis = 0; axis < rank; ++axis) text += (axis ? ", " : "") + std::to_string(extents[axis]);
        return text;
    };
    Index most = PTRDIFF_MAX / static_cast<Index>(bytes_each), size = 1;
    for (int axis = 0; axis < rank; ++axis) {
        const Index extent = extents[axis];
        if (extent < 0) throw ShapeError(message("Tensor: extents are not negative, received [", list(), ']'));
        if (extent > 0) most /= extent;
        if (most == 0) throw ShapeError(message("Tensor: [", list(), "] is more than memory can hold"));
        size *= extent;
    }
    return size;
}
#endif

/// `{{1, 2}, {3, 4}}` for rank 2, and so on.
template <class T, int Rank>
struct NestedLists {
    using type = std::initializer_list<typename NestedLists<T, Rank - 1>::type>;
};
template <class T>
struct NestedLists<T, 0> {
    using type = T;
};
}  // namespace detail

/// Owning row-major tensor of numbers, 64-byte aligned. A `[batch, time, features]` tensor is the
/// `(batch*time) x features` matrix. New elements are zero. Copying copies the elements; a tensor that was moved from
/// is empty. The part of Eigen's interface that matters has Eigen's names; `map()` gives the rest.
template <class T, int Rank>
class Tensor {
    static_assert(Rank >= 1 && std::is_arithmetic_v<T>, "deeprec: tensors hold numbers and have an axis at least");

public:
    using Scalar = T;
    using Extents = std::array<Index, static_cast<std::size_t>(Rank)>;
    static constexpr int NumDimensions = Rank;
    static constexpr int NumIndices = Rank;

    /// All extents are 0.
    Tensor() = default;
    /// One extent for each axis. Throws ShapeError for a negative one, or for more than memory can hold.
    template <std::integral... Sizes>
        requires(sizeof...(Sizes) > 0)
    explicit Tensor(Sizes... extents) { resize(extents...); }
    explicit Tensor(const Extents& extents) { resize(extents); }
    /// A copy of what a view looks at, without its mask.
    template <class U>
        requires std::same_as<std::remove_const_t<U>, T> Tensor(const View<U, Rank>& x)
            : Tensor(x.data(), x.dimensions()) {}

        Tensor(const Tensor& other) : Tensor(other.data(), other.extents_) {}
        Tensor(Tensor&& other) noexcept { swap(other); }
        /// Keeps the memory if it is large enough.
        Tensor& operator=(const Tensor& other) {
            if (this != &other) {
                reserve(other.size_);
                std::copy_n(other.data(), other.size_, data());
                set_extents(other.extents_, other.size_);
            }
            return *this;
        }
        Tensor& operator=(Tensor&& other) noexcept {
            Tensor(std::move(other)).swap(*this);
            return *this;
        }
        ~Tensor() = default;

        /// The first element; the last axis lies side by side.
        T* data() { return memory_.get(); }
        const T* data() const { return memory_.get(); }
        Index size() const { return size_; }
        /// The extent of an axis, from 0.
        Index dimension(int axis) const { return extents_[static_cast<std::size_t>(axis)]; }
        /// All extents.
        const Extents& dimensions() const { return extents_; }

        template <std::integral... Indices>
        T& operator()(Indices... at) {
            return data()[detail::offset(extents_, at...)];
        }
        template <std::integral... Indices>
        const T& operator()(Indices... at) const {
            return data()[detail::offset(extents_, at...)];
        }

        /// Other extents. As many elements as before stay as they are, in their order; another number of them are
        /// zeros. Memory is allocated only for more elements than ever before. Throws as the constructor, and changes
        /// nothing then.
        void resize(const Extents& extents) {
            const Index size = detail::checked_size(extents.data(), Rank, sizeof(T));
            const bool fresh = size != size_;
            reserve(size);
            set_extents(extents, size);
            if (fresh) setZero();
        }
        template <std::integral... Sizes>
        void resize(Sizes... extents) {
            static_assert(sizeof...(Sizes) == Rank, "deeprec: a tensor takes one extent for each axis");
            resize(Extents{static_cast<Index>(extents)...});
        }

        /// Makes every element 0.
        Tensor& setZero() { return setConstant(T(0)); }
        /// Makes every element `value`.
        Tensor& setConstant(T value) {
            std::fill_n(data(), size_, value);
            return *this;
        }
        /// Every element, in nested braces: `x.setValues({{1, 2}, {3, 4}})`. Throws ShapeError unless they are as many
        /// on each axis as the tensor has.
        Tensor& setValues(const typename detail::NestedLists<T, Rank>::type& values) {
            write(values, 0, data());
            return *this;
        }

        /// The same memory as an `Eigen::TensorMap`, for Eigen's expressions: `y.map() = x.map() * 2.0f`. Who calls it
        /// includes Eigen's header `<unsupported/Eigen/CXX11/Tensor>`; this library does not.
        template <class E = T>
        detail::EigenMap<E, Rank> map() {
            return {data(), extents_};
        }
        template <class E = T>
        detail::EigenMap<const E, Rank> map() const {
            return {data(), extents_};
        }

    private:
        struct Free {
            void operator()(T* p) const { detail::AlignedAllocator<T>().deallocate(p, 0); }
        };

        Tensor(const T* from, const Extents& extents) {
            const Index size = detail::checked_size(extents.data(), Rank, sizeof(T));
            reserve(size);
            set_extents(extents, size);
            std::copy_n(from, size, data());
        }
        /// Room for so many elements, which have no particular value if that is more than there was room for.
        void reserve(Index size) {
            if (size <= capacity_) return;
            memory_.reset(detail::AlignedAllocator<T>().allocate(static_cast<std::size_t>(size)));
            capacity_ = size;
        }
        void set_extents(const Extents& extents, Index size) {
            extents_ = extents;
            size_ = size;
        }
        void swap(Tensor& other) noexcept {
            std::swap(memory_, other.memory_);
            std::swap(capacity_, other.capacity_);
            std::swap(extents_, other.extents_);
            std::swap(size_, other.size_);
        }
        template <class Values>
        T* write(const Values& values, int axis, T* to) const {
            if constexpr (std::is_arithmetic_v<Values>) {
                *to = values;
                return to + 1;
            } else {
                if (static_cast<Index>(values.size()) != dimension(axis))
                    throw ShapeError(message("Tensor::setValues: expected ", dimension(axis), " values on axis ", axis,
                                             ", received ", values.size()));
                for (const auto& part : values) to = write(part, axis + 1, to);
                return to;
            }
        }

        std::unique_ptr<T[], Free> memory_;
        Index capacity_ = 0, size_ = 0;
        Extents extents_{};
};

/// Which steps of a sequence count: `keep` points at [batch, time] bytes, 1 = keep; null = all of them.
struct Mask {
    const std::uint8_t* keep = nullptr;  ///< not owned
    explicit operator bool() const { return keep != nullptr; }
};

/// A row-major tensor in memory that others own, with the mask of its time axis. `T` may be const.
/// Lives as long as the memory it looks at: the caller's tensor, or the cache that a layer wrote into.
template <class T, int Rank>
class View {
public:
    using Element = T;
    using Scalar = std::remove_const_t<T>;
    using Extents = std::array<Index, static_cast<std::size_t>(Rank)>;
    static constexpr int rank = Rank;  ///< number of axes
    static constexpr int NumDimensions = Rank;
    static constexpr int NumIndices = Rank;

    View(T* data, const Extents& extents, Mask m = {}) : mask(m), data_(data), extents_(extents) {}
    View(const View&) = default;
    View& operator=(const View&) = delete;  // some readers would expect copied elements, others a new target

    /// The same memory, read-only.
    operator View<const T, Rank>() const requires(!std::is_const_v<T>) { return {data_, extents_, mask}; }

    /// The first element; the last axis lies side by side.
    T* data() const { return data_; }
    /// All extents.
    const Extents& dimensions() const { return extents_; }
    /// All extents.
    const Extents& extents() const { return extents_; }
    /// The extent of an axis, from 0.
    Index dimension(int axis) const { return extents_[static_cast<std::size_t>(axis)]; }
    /// The extent of an axis, from 0.
    Index extent(int axis) const { return dimension(axis); }
    Index size() const { return rows() * last(); }
    template <std::integral... Indices>
    T& operator()(Indices... at) const {
        return data_[detail::offset(extents_, at...)];
    }
    /// The last extent: features.
    Index last() const { return extent(Rank - 1); }
    /// Product of all extents but the last: the rows of the tensor read as a matrix.
    Index rows() const {
        Index n = 1;
        for (int axis = 0; axis + 1 < Rank; ++axis) n *= extent(axis);
        return n;
    }
    /// The extents as a Shape.
    Shape shape() const {
        Shape s;
        for (int axis = 0; axis < Rank; ++axis) s = appended(s, extent(axis));
        return s;
    }
    /// Samples `begin` to `end` (not included) of the batch axis, with their part of the mask.
    View slice(Index begin, Index end) const {
        Extents e = extents_;
        const Index per_sample = e[0] ? size() / e[0] : 0;
        const Index steps = Rank > 1 ? e[Rank > 1 ? 1 : 0] : 1;
        e[0] = end - begin;
        return {data_ + begin * per_sample, e, Mask{mask ? mask.keep + begin * steps : nullptr}};
    }

    /// The same memory as an `Eigen::TensorMap`; see `Tensor::map`.
    template <class E = T>
    detail::EigenMap<E, Rank> map() const {
        return {data_, extents_};
    }

    Mask mask;  ///< of the time axis; nothing: all steps count

private:
    static Shape appended(const Shape& s, Index extent) {
        switch (s.rank()) {
            case 0: return {extent};
            case 1: return {s[0], extent};
            case 2: return {s[0], s[1], extent};
            default: return {s[0], s[1], s[2], extent};
        }
    }

    T* data_;
    Extents extents_;
};

/// A view whose rank only the program knows: what named fields give a model where no layer says of what rank they are.
/// As a view of that rank it is checked: `const View<const float, 3> y = branches.forward(record, cache)`.
template <class T>
class View<T, any_rank> {
public:
    using Element = T;
    using Scalar = std::remove_const_t<T>;
    using Extents = Shape;
    static constexpr int rank = any_rank;  ///< known at run time alone

    View(T* data, const Shape& shape, Mask m = {}) : mask(m), data_(data), shape_(shape) {}

    /// The first element; the last axis lies side by side.
    T* data() const { return data_; }
    /// All extents.
    const Shape& shape() const { return shape_; }
    /// All extents.
    const Shape& extents() const { return shape_; }
    /// All extents.
    const Shape& dimensions() const { return shape_; }
    /// The extent of an axis, from 0.
    Index extent(int axis) const { return shape_[axis]; }
    /// The extent of an axis, from 0.
    Index dimension(int axis) const { return shape_[axis]; }
    Index size() const { return shape_.size(); }
    /// The last extent: features.
    Index last() const { return shape_.back(); }
    Index rows() const { return last() ? size() / last() : 0; }
    template <std::integral... Indices>
    T& operator()(Indices... at) const {
        return View<T, sizeof...(Indices)>(*this)(at...);
    }
    /// Throws ShapeError where the view has another rank.
    template <class U, int Rank>
        requires(std::is_same_v<U, T> || std::is_same_v<U, const T>)
    operator View<U, Rank>() const {
        if (shape_.rank() != Rank)
            throw ShapeError(
                message("View: expected ", Rank, " axes, received ", shape_,
                        Rank == 2 ? "; end sequences first (a last state, a global pooling, Flatten)" : ""));
        typename View<U, Rank>::Extents extents;
        for (int axis = 0; axis < Rank; ++axis) extents[static_cast<std::size_t>(axis)] = shape_[axis];
        return {data_, extents, mask};
    }

    Mask mask;  ///< of the time axis; nothing: all steps count

private:
    T* data_;
    Shape shape_;
};

namespace detail {
/// A model's output as training and predicting read it: one vector a sample where no layer says of what rank it is.
template <class T, int Rank>
View<T, Rank == any_rank ? 2 : Rank> known_rank(const View<T, Rank>& y) {
    return y;
}
}  // namespace detail

/// Read-only view of a tensor, an `Eigen::Tensor` or `Eigen::TensorMap`, or another view.
template <class T, int Rank>
View<const T, Rank> view(const View<T, Rank>& x) {
    return {x.data(), x.extents(), x.mask};
}
template <class T, int Rank>
View<const T, Rank> view(const View<const T, Rank>& x) {
    return x;
}
template <class T, int Rank>
View<const T, Rank> view(const Tensor<T, Rank>& x) {
    return {x.data(), x.dimensions()};
}
namespace detail {
/// What an `Eigen::Tensor` and an `Eigen::TensorMap` have and the tensors of this library do not, for lack of a choice.
template <class X>
concept EigenTensor = requires(const X& x) {
    X::NumDimensions;
    X::Layout;
    x.data();
    x.dimensions();
};
}  // namespace detail
template <detail::EigenTensor X>
auto view(const X& x) {
    static_assert(static_cast<int>(X::Layout) == 1,
                  "deeprec: tensors are row-major; this Eigen::TensorMap is column-major");
    constexpr int rank = static_cast<int>(X::NumDimensions);
    using Result = View<const std::remove_cvref_t<decltype(*x.data())>, rank>;
    typename Result::Extents extents;
    for (std::size_t axis = 0; axis < extents.size(); ++axis) extents[axis] = x.dimensions()[axis];
    return Result{x.data(), extents};
}
/// Writable view of a tensor.
template <class T, int Rank>
View<T, Rank> writable(Tensor<T, Rank>& x) {
    return {x.data(), x.dimensions()};
}

/// The same sequence under a mask of [batch, time] bytes, 1 = keep, as Keras' `call(x, mask=mask)`.
/// Throws ShapeError unless the mask has the first two extents of x.
template <class X>
auto masked(const X& x, const Tensor<std::uint8_t, 2>& mask) {
    auto v = view(x);
    if (v.extent(0) != mask.dimension(0) || v.extent(1) != mask.dimension(1))
        throw ShapeError(message("masked: expected a mask of [", v.extent(0), ", ", v.extent(1), "], received [",
                                 mask.dimension(0), ", ", mask.dimension(1), "]"));
    v.mask = Mask{mask.data()};
    return v;
}

/// What `view(x)` makes of an argument: its rank and element type, for compile-time checks.
template <class X>
using ViewOf = decltype(view(std::declval<const X&>()));
/// Number of axes of a tensor or view, or any_rank.
template <class X>
inline constexpr int rank_of = ViewOf<X>::rank;
template <class X>
using ElementOf = std::remove_const_t<typename ViewOf<X>::Element>;

DEEPREC_END
