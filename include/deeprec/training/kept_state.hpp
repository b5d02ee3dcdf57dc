/// The numbers of callbacks and metrics in a file of tensors, written and read.
#pragma once

#include <charconv>
#include <initializer_list>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <deeprec/core/checkpoint_state.hpp>
#include <deeprec/core/equal.hpp>
#include <deeprec/core/shown.hpp>
#include <deeprec/io/model_options.hpp>
#include <deeprec/io/safetensors.hpp>

DEEPREC_BEGIN
namespace detail {
#if DEEPREC_BODIES

/// The parts of a state that callbacks and metrics have, by the begin of their names, for a file.
class StateWriter final : public CheckpointState {
public:
    StateWriter(std::string prefix, Metadata& metadata, std::vector<std::pair<std::string, std::vector<double>>>& lists)
        : prefix_(std::move(prefix)), metadata_(metadata), lists_(lists) {}
    void operator()(const std::string& name, double& value) override { metadata_[prefix_ + name] = option_text(value); }
    void operator()(const std::string& name, long& value) override {
        metadata_[prefix_ + name] = std::to_string(value);
    }
    void operator()(const std::string& name, std::span<double> values) override {
        lists_.push_back({prefix_ + name, {values.begin(), values.end()}});
    }
    void lists(std::initializer_list<std::pair<const char*, std::vector<double>*>> all) override {
        for (const auto& [name, values] : all) (*this)(name, std::span(*values));
    }
    void option(const std::string& name, double value) override { (*this)(name, value); }

private:
    std::string prefix_;
    Metadata& metadata_;
    std::vector<std::pair<std::string, std::vector<double>>>& lists_;
};

/// A number as `option_text` writes it, NaN and infinities too. Throws FormatError.
template <class N>
N state_number(const SafetensorsReader& file, const std::string& key) {
    const auto found = file.metadata().find(key);
    if (found == file.metadata().end())
        throw FormatError(message(file.name(), ": expected the metadata ", shown(key, "'"), ", the file has none"));
    N value{};
    const char *begin = found->second.data(), *end = begin + found->second.size();
    const auto [at, error] = std::from_chars(begin, end, value);
    if (error != std::errc() || at != end)
        throw FormatError(message(file.name(), ": ", key, ": expected a number, received ", shown(found->second, "'")));
    return value;
}

/// Gives back what `StateWriter` wrote. `apply` false only checks that it is there.
class StateReader final : public CheckpointState {
public:
    StateReader(std::string prefix, SafetensorsReader& file, bool apply)
        : prefix_(std::move(prefix)), file_(file), apply_(apply) {}
    void operator()(const std::string& name, double& value) override { number(name, value); }
    void operator()(const std::string& name, long& value) override { number(name, value); }
    void operator()(const std::string& name, std::span<double> values) override {
        const Index n = static_cast<Index>(values.size());
        if (n != length(name)) refuse(name, n);
        if (apply_ && n > 0) file_.read(prefix_ + name, {n}, values.data());
    }
    void lists(std::initializer_list<std::pair<const char*, std::vector<double>*>> all) override {
        const Index n = length(all.begin()->first);
        for (const auto& [name, values] : all) {
            if (n != length(name)) refuse(name, n);
            if (apply_) values->resize(static_cast<std::size_t>(n));
            if (apply_) (*this)(name, std::span(*values));
        }
    }
    void option(const std::string& name, double value) override {
        const double theirs = state_number<double>(file_, prefix_ + name);
        if (!detail::equal(theirs, value))
            throw ArgumentError(message("fit: ", file_.name(), " is the state of another training: it has ", prefix_,
                                        name, " ", theirs, ", this one ", value));
    }

private:
    template <class N>
    void number(const std::string& name, N& value) {
        const N read = state_number<N>(file_, prefix_ + name);
        if (apply_) value = read;
    }
    Index length(const std::string& name) {
        const auto found = file_.tensors().find(prefix_ + name);
        if (found == file_.tensors().end()) return 0;  // an empty list is not written
        const Index n = found->second.shape.size() == 1 ? found->second.shape[0] : -1;
        file_.check<double>(prefix_ + name, {n});
        return n;
    }
    [[noreturn]] void refuse(const std::string& name, Index n) {
        throw FormatError(
            message(file_.name(), ": ", prefix_, name, ": expected ", n, " numbers, received ", length(name)));
    }
    std::string prefix_;
    SafetensorsReader& file_;
    bool apply_;
};

#endif
}  // namespace detail
DEEPREC_END
