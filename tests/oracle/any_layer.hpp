/// A layer that is chosen when the program runs, so that the models of a set are compiled once, whatever their layers.
#pragma once

#include <any>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include <deeprec/core/layer.hpp>

namespace oracle {

/// Holds a layer with input elements `Element`. `Rank` is that of its output, or any_rank where another follows.
template <class T, class Element, int Rank>
class AnyLayer : public deeprec::LayerInterface<AnyLayer<T, Element, Rank>, T, Element> {
    using Input = deeprec::Block<const Element>;
    using Output = deeprec::Block<const T>;

    struct Part {
        virtual ~Part() = default;
        virtual std::unique_ptr<Part> clone() const = 0;
        virtual deeprec::Shape size(const deeprec::Shape& in) = 0;
        virtual void fields(deeprec::Fields<T>& f, std::any& gradients) = 0;
        virtual void parameters_changed() = 0;
        virtual Output apply(const Input& x, std::any& cache, const deeprec::Pass& pass) const = 0;
        virtual Output apply_backward(const Output& dy, std::any& cache, std::any& gradients, bool want_dx) const = 0;
    };
    template <class L>
    struct Holder final : Part {
        explicit Holder(L l) : layer(std::move(l)) {}
        std::unique_ptr<Part> clone() const override { return std::make_unique<Holder>(*this); }
        deeprec::Shape size(const deeprec::Shape& in) override { return layer.size(in); }
        void fields(deeprec::Fields<T>& f, std::any& gradients) override {
            layer.fields(f, as<typename L::Gradients>(gradients));
        }
        void parameters_changed() override { layer.parameters_changed(); }
        Output apply(const Input& x, std::any& cache, const deeprec::Pass& pass) const override {
            return layer.apply(x, as<typename L::Cache>(cache), pass);
        }
        Output apply_backward(const Output& dy, std::any& cache, std::any& gradients, bool want_dx) const override {
            return layer.apply_backward(dy, as<typename L::Cache>(cache), as<typename L::Gradients>(gradients),
                                        want_dx);
        }
        L layer;
    };
    /// What `any` holds, made at its first use.
    template <class Value>
    static Value& as(std::any& any) {
        if (!any.has_value()) any.emplace<Value>();
        return std::any_cast<Value&>(any);
    }

public:
    using Scalar = T;
    using InputElement = Element;
    struct Cache {
        std::any own;
    };
    struct Gradients {
        std::any own;
    };
    /// Sequences or ids, and vectors in a head.
    static constexpr deeprec::Reads reads = std::is_same_v<Element, std::int32_t> ? deeprec::Reads::ids
                                            : Rank == 2                           ? deeprec::Reads::features
                                                                                  : deeprec::Reads::sequence;
    static constexpr std::string_view name() { return "AnyLayer"; }
    template <class, int>
    static constexpr int output_rank() {
        return Rank;
    }

    AnyLayer() = default;
    template <class L>
        requires(!std::is_same_v<L, AnyLayer>)
    explicit AnyLayer(L layer) : part_(std::make_unique<Holder<L>>(std::move(layer))) {}
    AnyLayer(const AnyLayer& other) : part_(other.part_ ? other.part_->clone() : nullptr) {}
    AnyLayer(AnyLayer&&) = default;
    AnyLayer& operator=(AnyLayer other) {
        part_ = std::move(other.part_);
        return *this;
    }

    deeprec::Shape size(const deeprec::Shape& in) { return part_->size(in); }
    void fields(deeprec::Fields<T>& f, Gradients& g) { part_->fields(f, g.own); }
    void parameters_changed() { part_->parameters_changed(); }
    Output apply(const Input& x, Cache& cache, const deeprec::Pass& pass) const {
        return part_->apply(x, cache.own, pass);
    }
    Output apply_backward(const Output& dy, Cache& cache, Gradients& gradients, bool want_dx) const {
        return part_->apply_backward(dy, cache.own, gradients.own, want_dx);
    }

private:
    std::unique_ptr<Part> part_;
};

}  // namespace oracle
