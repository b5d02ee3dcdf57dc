/// A model of named fields as an option of another model, whose type does not tell what it reads.
#pragma once

#include <any>
#include <memory>
#include <string_view>
#include <utility>

#include <deeprec/models/branches.hpp>

DEEPREC_BEGIN
namespace detail {

/// The V in `any`, made where there is none yet.
template <class V>
V& value_in(std::any& any) {
    V* const found = std::any_cast<V>(&any);
    return found ? *found : any.emplace<V>();
}

/// What a model needs of fields that it reads beside its own input. Caches and gradients are made when first used.
template <class T>
class FieldModel {
public:
    virtual ~FieldModel() = default;
    virtual std::unique_ptr<FieldModel> clone() const = 0;
    /// What it gives; `wanted` where that is what it gives or, of Branches, each part, whose sum it is then.
    virtual Shape size(const RecordShape& in, const Shape& wanted) = 0;
    virtual const RecordShape& record() const = 0;
    virtual RecordShape input_shape() const = 0;
    virtual void fields(Fields<T>& f, std::any& gradients) = 0;
    virtual void parameters_changed() = 0;
    virtual Block<const T> apply(const RecordView& x, std::any& cache, const Pass& pass) const = 0;
    virtual void apply_backward(const Block<const T>& dy, std::any& cache, std::any& gradients) const = 0;
};

template <class L>
class FieldModelOf final : public FieldModel<typename L::Scalar> {
    using T = typename L::Scalar;

public:
    explicit FieldModelOf(L model) : model_(std::move(model)) {}
    std::unique_ptr<FieldModel<T>> clone() const override { return std::make_unique<FieldModelOf>(*this); }
    Shape size(const RecordShape& in, const Shape& wanted) override {
        const Shape out = size_checked(model_, in);
        added_ = 1;
        if constexpr (requires { model_.each_gives(wanted); })
            if (out != wanted && model_.each_gives(wanted)) added_ = out.back() / wanted.back();
        return added_ > 1 ? wanted : out;
    }
    const RecordShape& record() const override { return model_.record(); }
    RecordShape input_shape() const override { return model_.input_shape(); }
    void fields(Fields<T>& f, std::any& gradients) override {
        model_.fields(f, value_in<typename L::Gradients>(gradients));
    }
    void parameters_changed() override { model_.parameters_changed(); }
    Block<const T> apply(const RecordView& x, std::any& cache, const Pass& pass) const override {
        Cache& own = value_in<Cache>(cache);
        const Block<const T> y = model_.apply(x, own.model, pass);
        if (added_ == 1) return y;
        const Index rows = y.rows(), width = y.last() / added_;
        Block<T> sum{own.sum.need(rows * width), y.with_last(width)};
        sum.mask = y.mask;
        for (Index r = 0; r < rows; ++r) {
            kernels::copy<T>(y.data + r * y.last(), sum.data + r * width, width);
            for (Index part = 1; part < added_; ++part)
                kernels::add<T>(y.data + r * y.last() + part * width, sum.data + r * width, width);
        }
        return sum;
    }
    void apply_backward(const Block<const T>& dy, std::any& cache, std::any& gradients) const override {
        Cache& own = value_in<Cache>(cache);
        auto& to = value_in<typename L::Gradients>(gradients);
        if (added_ == 1) {
            model_.apply_backward(dy, own.model, to, false);
            return;
        }
        const Index rows = dy.rows(), width = dy.last();
        T* const all = own.gradient.need(rows * width * added_);
        for (Index i = 0; i < rows * added_; ++i)
            kernels::copy<T>(dy.data + i / added_ * width, all + i * width, width);
        model_.apply_backward({all, dy.with_last(width * added_)}, own.model, to, false);
    }

private:
    struct Cache {
        typename L::Cache model;
        Buffer<T> sum, gradient;  // of parts that are added
    };
    L model_;
    Index added_ = 1;  // parts that each give all that is wanted
};

/// One of these, or none, as a value.
template <class T>
class FieldPart {
public:
    using Scalar = T;
    FieldPart() = default;
    explicit FieldPart(std::unique_ptr<FieldModel<T>> model) : model_(std::move(model)) {}
    FieldPart(const FieldPart& other) : model_(other.model_ ? other.model_->clone() : nullptr) {}
    FieldPart(FieldPart&&) noexcept = default;
    FieldPart& operator=(FieldPart other) noexcept {
        model_ = std::move(other.model_);
        return *this;
    }
    ~FieldPart() = default;

    static constexpr std::string_view name() { return "Fields"; }
    explicit operator bool() const { return model_ != nullptr; }
    FieldModel<T>* operator->() { return model_.get(); }
    const FieldModel<T>* operator->() const { return model_.get(); }
    void fields(Fields<T>& f, std::any& gradients) { model_->fields(f, gradients); }
    /// Sized for records of that shape, in the name of `who` and its option `option`. Throws ShapeError where it gives
    /// something else than `expected`, and for shapes without a model.
    void size(std::string_view who, std::string_view option, const RecordShape& in, const Shape& expected) {
        if (!model_) {
            if (in.empty()) return;
            throw ShapeError(message(who, ": there are shapes of fields, but the option ", option, " is empty"));
        }
        const Shape out = model_->size(in, expected);
        if (out != expected)
            throw ShapeError(message(who, ": expected fields of the option ", option, " that give ", expected,
                                     ", received ", out));
    }
    /// What the model gives for a record; null without one. Throws ShapeError for another number of samples or rows,
    /// and for fields without a model.
    const T* run(std::string_view who, std::string_view option, const RecordView& x, Index batch, Index rows,
                 std::any& cache, const Pass& pass) const {
        if (!model_) {
            if (x.fields.empty()) return nullptr;
            throw ShapeError(message(who, ": there are fields, but the option ", option, " is empty"));
        }
        check_fields(who, model_->record(), x);
        const Block<const T> y = model_->apply(x, cache, pass);
        if (y.batch() != batch || y.rows() != rows)
            throw ShapeError(message(who, ": expected fields of the option ", option, " for ", batch, " users and ",
                                     rows, " rows, received ", y.shape));
        return y.data;
    }

private:
    std::unique_ptr<FieldModel<T>> model_;
};
}  // namespace detail

/// An option that is a model of named fields, or nothing: `.step = Branches{...}`, `.user = field("age", Dense{64})`.
class FieldsOption {
public:
    FieldsOption() = default;
    template <class L>
        requires(L::reads == Reads::record)
    FieldsOption(L model) {
        static_assert(std::is_same_v<typename L::Scalar, float> || std::is_same_v<typename L::Scalar, double>);
        auto kept = std::make_shared<const detail::FieldModelOf<L>>(std::move(model));
        if constexpr (std::is_same_v<typename L::Scalar, float>)
            floats_ = std::move(kept);
        else
            doubles_ = std::move(kept);
    }
    template <class L, FieldName Name>
    FieldsOption(NamedField<L, Name> one) : FieldsOption(Branches{std::move(one)}) {}

    explicit operator bool() const { return floats_ || doubles_; }
    /// A model of its own. Throws ArgumentError, in the name of `who`, for fields of the other scalar.
    template <class T>
    detail::FieldPart<T> make(std::string_view who) const {
        const auto& own = [&]() -> const auto& {
            if constexpr (std::is_same_v<T, float>)
                return floats_;
            else
                return doubles_;
        }();
        if (own) return detail::FieldPart<T>(own->clone());
        if (*this) throw ArgumentError(message(who, ": the layers of its fields must have the scalar of the tower"));
        return {};
    }

private:
    std::shared_ptr<const detail::FieldModel<float>> floats_;
    std::shared_ptr<const detail::FieldModel<double>> doubles_;
};

DEEPREC_END
