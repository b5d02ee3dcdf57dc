/// What a checkpoint keeps of callbacks and metrics.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/core/errors.hpp>

DEEPREC_BEGIN

/// Goes over the numbers of a callback or a metric, to write or to read them:
///
///     void state(CheckpointState& s) { s("sum", sum_), s("weight", weight_); }
///
/// Where numbers are read, a state that lacks one of these names throws FormatError.
class CheckpointState {
public:
    virtual ~CheckpointState() = default;
    virtual void operator()(const std::string& name, double& value) = 0;
    virtual void operator()(const std::string& name, long& value) = 0;
    /// As many numbers as there are. Throws FormatError for another number of them.
    virtual void operator()(const std::string& name, std::span<double> values) = 0;
    /// Lists of any length, the same for all: `s.lists({{"score", &score_}, {"weight", &weight_}})`.
    virtual void lists(std::initializer_list<std::pair<const char*, std::vector<double>*>> all) = 0;
    /// What must be as it was. Throws ArgumentError, with both values.
    virtual void option(const std::string& name, double value) = 0;

    void operator()(const std::string& name, std::vector<double>& values) { lists({{name.c_str(), &values}}); }
    void operator()(const std::string& name, bool& value) {
        long number = value;
        (*this)(name, number);
        value = number != 0;
    }
};

namespace detail {
using StateFunction = void (*)(void*, CheckpointState&);
/// `state` of a callback or metric behind a pointer, null where it has none.
template <class X>
constexpr StateFunction state_of() {
    if constexpr (requires(X& x, CheckpointState& s) { x.state(s); })
        return [](void* self, CheckpointState& s) { static_cast<X*>(self)->state(s); };
    else
        return nullptr;
}
}  // namespace detail

DEEPREC_END
