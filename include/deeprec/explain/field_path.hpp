/// The line along which a tower of named fields is explained.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <deeprec/core/field_taps.hpp>
#include <deeprec/core/layer.hpp>
#include <deeprec/explain/explanation.hpp>

DEEPREC_BEGIN
namespace detail {

/// The outputs of the layers of a tower's fields for one sample, and points of the line to them from the outputs for
/// zeros: padding, and numbers that are 0.
template <class Tower>
class FieldPath {
    using T = typename Tower::Scalar;

public:
    template <class X>
    FieldPath(const Tower& tower, const X& x) : tower_(tower), x_(view(x)) {
        check_fields(Tower::name(), tower.record(), x_);
        if (x_.batch() != 1) throw ShapeError(message("explain: expected one sample, received ", x_.batch()));
        Index bytes = 0;
        for (const FieldView& f : x_.fields) bytes = std::max(bytes, f.row_bytes());
        const std::vector<std::byte> zeros(static_cast<std::size_t>(bytes));
        std::vector<FieldView> nothing(x_.fields.begin(), x_.fields.end());
        for (FieldView& f : nothing) f.data = zeros.data();
        outputs({nothing, 0, 1}, [](Line& line, const T* y, Index n) { line.start.assign(y, y + n); });
        outputs(x_, [](Line& line, const T* y, Index n) {
            for (Index i = 0; i < n; ++i) line.to.push_back(y[i] - line.start[static_cast<std::size_t>(i)]);
        });
        for (Line& line : lines_) list(line);
    }

    const std::vector<Contribution>& contributions() const { return contributions_; }
    /// The vectors of the tower for points of the line.
    Block<const T> run(const std::vector<double>& at, typename Tower::Cache& cache, Pass pass) {
        const Index n = static_cast<Index>(at.size());
        for (std::size_t k = 0; k < lines_.size(); ++k) {
            Line& line = lines_[k];
            line.points.clear();
            line.masks.clear();
            for (const double a : at) {
                for (std::size_t i = 0; i < line.to.size(); ++i)
                    line.points.push_back(line.start[i] + static_cast<T>(a) * line.to[i]);
                line.masks.insert(line.masks.end(), line.keep.begin(), line.keep.end());
            }
            FieldTaps::Tap& tap = taps_.taps[k];
            tap.shape[0] = n;
            tap.output = line.points.data();
            tap.mask = Mask{line.masks.empty() ? nullptr : line.masks.data()};
        }
        taps_.replaces = true;
        taps_.next = 0;
        pass.taps = &taps_;
        return tower_.apply(x_, cache, pass);
    }
    /// Adds weight * sum over points of line * gradient to the contribution of each step.
    void back(const Block<const T>& dy, typename Tower::Cache& cache, typename Tower::Gradients& gradients,
              double weight, std::vector<Contribution>& to) const {
        tower_.apply_backward(dy, cache, gradients, false);
        for (std::size_t k = 0; k < lines_.size(); ++k) {
            const Line& line = lines_[k];
            const FieldTaps::Tap& tap = taps_.taps[k];
            const T* g = static_cast<const T*>(tap.gradient);
            const Index width = static_cast<Index>(line.to.size()) / std::ssize(line.place);
            for (Index p = 0; p < tap.shape[0]; ++p)
                for (std::size_t step = 0; step < line.place.size(); ++step, g += width) {
                    if (line.place[step] < 0) continue;
                    const T* d = line.to.data() + static_cast<Index>(step) * width;
                    double sum = 0;
                    for (Index f = 0; f < width; ++f) sum += static_cast<double>(g[f]) * static_cast<double>(d[f]);
                    to[static_cast<std::size_t>(line.place[step])].value += weight * sum;
                }
        }
    }

private:
    struct Line {
        std::string_view field;
        std::vector<T> start, to, points;
        std::vector<std::uint8_t> keep, masks;
        std::vector<Index> place;  // of each step among the contributions, -1 = it has none
    };

    /// take(line, output, numbers) for what the layer of each field gives for one sample.
    template <class Take>
    void outputs(const RecordView& x, Take&& take) {
        typename Tower::Cache cache;
        taps_ = {};
        DifferentiableInference pass;
        pass.taps = &taps_;
        tower_.apply(x, cache, pass);
        lines_.resize(taps_.taps.size());
        for (std::size_t k = 0; k < lines_.size(); ++k) {
            const FieldTaps::Tap& tap = taps_.taps[k];
            Line& line = lines_[k];
            line.field = tap.field;
            line.keep.clear();
            if (tap.mask) line.keep.assign(tap.mask.keep, tap.mask.keep + tap.shape[1]);
            line.place.assign(static_cast<std::size_t>(tap.shape.rank() > 2 ? tap.shape[1] : 1), -1);
            take(line, static_cast<const T*>(tap.output), tap.shape.size());
        }
    }
    /// A contribution for each step where the field is not 0; one field that several parts read has them once.
    void list(Line& line) {
        const FieldView& field = *x_.find(line.field);
        const Index bytes = field.row_bytes() / std::ssize(line.place);
        const std::byte* from = field.data + x_.begin * field.row_bytes();
        for (std::size_t step = 0; step < line.place.size(); ++step, from += bytes) {
            if (std::all_of(from, from + bytes, [](std::byte b) { return b == std::byte{0}; })) continue;
            const Index position = static_cast<Index>(step);
            std::size_t at = 0;
            while (at < contributions_.size() &&
                   (contributions_[at].field != line.field || contributions_[at].position != position))
                ++at;
            if (at == contributions_.size()) {
                std::int32_t id = 0;
                if (field.type == ElementType::int32 && bytes == 4)
                    std::copy_n(from, 4, reinterpret_cast<std::byte*>(&id));
                contributions_.push_back({position, id, 0, std::string(line.field)});
            }
            line.place[step] = static_cast<Index>(at);
        }
    }

    const Tower& tower_;
    RecordView x_;
    FieldTaps taps_;
    std::vector<Line> lines_;
    std::vector<Contribution> contributions_;
};

}  // namespace detail
DEEPREC_END
