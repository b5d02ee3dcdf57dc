/// What a SequenceRecommender is made with, and what it reads beside ids.
#pragma once

#include <cstdint>
#include <vector>

#include <deeprec/core/table_shard.hpp>
#include <deeprec/models/field_model.hpp>

DEEPREC_BEGIN

/// Of SequenceRecommender: `SequenceRecommender{items, tower, {.width = 64}}`.
struct SequenceRecommenderOptions {
    Index width = 64;                                     ///< D, numbers of an item vector
    double scale = 0;                                     ///< 0: the score is h.v + b; else scale * cosine(h, v) + b
    bool use_bias = true;                                 ///< b, one number an item
    bool use_ids = true;                                  ///< a vector of its own for each item
    /// Of each item id (element 0 is padding), numbered from 1; one that an item has twice weighs twice in the mean.
    std::vector<std::vector<std::int32_t>> attributes{};
    /// Numbers of each item, [N + 1, F] (row 0 is padding): scaled prices, vectors of images and texts. Empty: none.
    Tensor<float, 2> features{};
    double id_dropout = 0;  ///< chance that an item with attributes or features goes without its id in a training step
    /// Items that training does not have: `split.train().cold_items()`. Give `id_dropout` with them, such as 0.1: else
    /// attributes learn no more than what ids leave over, and items that have nothing else can crowd the lists.
    std::vector<std::int32_t> cold{};
    FieldsOption step{};               ///< fields of each event: a model [B, T, D] of named fields, or parts [B, T, D]
    FieldsOption user{};               ///< fields of the user: a model [B, D] of named fields
    /// Processes that share the items' rows out, `{world.rank(), world.size()}`: each keeps and steps its own. Not in
    /// files, which have the whole model.
    TableShard shard{};
};

/// Records that a SequenceRecommender with fields reads beside the ids: of the events [B, T, ...], of the users
/// [B, ...].
struct SequenceRecords {
    RecordView step{}, user{};  ///< either may be without fields
};

DEEPREC_END
