/// The room models/: compositions of layers and recommender models.
#pragma once

#include <deeprec/models/branches.hpp>
#include <deeprec/models/concatenation.hpp>
#include <deeprec/models/field_list.hpp>
#include <deeprec/models/field_model.hpp>
#include <deeprec/models/head.hpp>
#include <deeprec/models/heads.hpp>
#include <deeprec/models/item_attributes.hpp>
#include <deeprec/models/item_vectors.hpp>
#include <deeprec/models/masked.hpp>
#include <deeprec/models/pair_head.hpp>
#include <deeprec/models/residual.hpp>
#include <deeprec/models/sequence_options.hpp>
#include <deeprec/models/sequence_recommender.hpp>
#include <deeprec/models/sequential.hpp>
#include <deeprec/models/summary.hpp>
#include <deeprec/models/transformer_block.hpp>
#include <deeprec/models/two_tower.hpp>
