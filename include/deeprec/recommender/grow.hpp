/// Room for new ids in a model that goes on training: tables, biases and the optimizer's state grow, old rows stay.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <deeprec/core/random.hpp>
#include <deeprec/io/model_file.hpp>
#include <deeprec/models/sequence_recommender.hpp>
#include <deeprec/optimizers/optimizer.hpp>

DEEPREC_BEGIN

namespace detail {
/// The sizes of what an optimizer has state for, in its order.
template <class Model>
std::vector<Index> trained_sizes(const Model& model) {
    auto fields = named_fields(model);
    drop_empty(fields.parameters());
    std::vector<Index> sizes;
    for (const auto& p : fields.parameters())
        if (!p.is_state()) sizes.push_back(p.size());
    return sizes;
}
template <class T, class Optimizer>
void grow_states(Optimizer& optimizer, const std::vector<Index>& before, const std::vector<Index>& after) {
    for (std::size_t i = 0; i < after.size(); ++i)
        if (after[i] > before[i]) optimizer.template grow_state<T>(i, before[i], after[i]);
}
}  // namespace detail

/// Gives embeddings more rows: `grow(model, optimizer, {{"user.0", users + 1}, {"item.0", tokens + 1}})`, by the paths
/// of their layers and the number of rows that they are to have. Old rows keep their bits, and so does what the
/// optimizer has of them; new rows are drawn as `build` draws them, from `seed`, and have no past in the optimizer.
/// Gradients made before are of the old shapes. Throws ArgumentError for a path without an embedding and fewer rows
/// than there are; then nothing has changed. Where there is no memory for a table, that one and those after it stay.
template <class Model, class Rule>
void grow(Model& model, Optimizer<Rule>& optimizer, const std::map<std::string, Index>& rows, Seed seed = {}) {
    using T = typename Model::Scalar;
    auto fields = detail::named_fields(model);
    std::map<std::string, Index*> options;
    for (const LayerOptions& layer : fields.layers())
        for (const Option& option : layer.options)
            if (option.name == "input_dim" && rows.count(layer.path))
                options[layer.path] = static_cast<Index*>(option.value);
    for (const auto& [path, size] : rows) {
        const auto found = options.find(path);
        if (found == options.end())
            throw ArgumentError(message("grow: expected the path of an embedding, received \"", path, "\""));
        if (size < *found->second)
            throw ArgumentError(message("grow: expected at least the ", *found->second, " rows that \"", path,
                                        "\" has, received ", size));
    }
    for (const auto& [path, size] : rows) {
        const std::string table = path.empty() ? "embeddings" : path + ".embeddings";
        std::vector<T> old;
        for (const auto& p : fields.parameters())
            if (p.path == table) old.assign(p.values, p.values + p.size());
        const auto states = detail::trained_sizes(model);
        const Index rows_before = std::exchange(*options[path], size);
        try {
            auto grown = detail::named_fields(model);
            std::erase_if(grown.parameters(), [&](const auto& p) { return p.path != table; });
            for (auto& p : grown.parameters()) p.seed = derive(seed, static_cast<std::uint64_t>(size));
            detail::fill_parameters(grown.parameters());
        } catch (...) {  // there is no memory: else the layer would take ids that its table does not have
            *options[path] = rows_before;
            throw;
        }
        const auto now = detail::named_fields(model);  // where the table is now
        for (const auto& p : now.parameters())
            if (p.path == table) std::copy(old.begin(), old.end(), p.values);
        detail::grow_states<T>(optimizer, states, detail::trained_sizes(model));
        model.parameters_changed();
    }
}

/// Gives a SequenceRecommender items N + 1 ... `items`, with their attributes (none, without lists) and, of a model
/// with features, those, [items - N, F], to be trained from now on: rows of their own, zeros where there are attributes
/// or features, so that those say at first what the item is, else drawn from `seed`, and b = 0. Old rows and the
/// optimizer's state of them keep their bits.
/// Throws ArgumentError for fewer items than there are, and as SequenceRecommender::add_items.
template <class Tower, class Rule>
void grow(SequenceRecommender<Tower>& model, Optimizer<Rule>& optimizer, Index items,
          const std::vector<std::vector<std::int32_t>>& attributes, const Tensor<float, 2>& features,
          Seed seed = {}) {
    if (items < model.items())
        throw ArgumentError(
            message("grow: expected at least the ", model.items(), " items that the model has, received ", items));
    const auto before = detail::trained_sizes(model);
    model.add_items(items - model.items(), attributes, seed, features);
    detail::grow_states<typename Tower::Scalar>(optimizer, before, detail::trained_sizes(model));
}

template <class Tower, class Rule>
void grow(SequenceRecommender<Tower>& model, Optimizer<Rule>& optimizer, Index items,
          const std::vector<std::vector<std::int32_t>>& attributes = {}, Seed seed = {}) {
    grow(model, optimizer, items, attributes, Tensor<float, 2>(), seed);
}

DEEPREC_END
