/// The room recommender/: a recommender in one file, served by key, refreshed while it is read. Not in deeprec.hpp.
#pragma once

#include <deeprec/recommender/any_hybrid.hpp>
#include <deeprec/recommender/any_scorer.hpp>
#include <deeprec/recommender/from_tables.hpp>
#include <deeprec/recommender/grow.hpp>
#include <deeprec/recommender/histories.hpp>
#include <deeprec/recommender/item_columns.hpp>
#include <deeprec/recommender/keys.hpp>
#include <deeprec/recommender/read_scorer.hpp>
#include <deeprec/recommender/recommender.hpp>
#include <deeprec/recommender/recommender_file.hpp>
#include <deeprec/recommender/served_fields.hpp>
#include <deeprec/recommender/snapshot.hpp>
#include <deeprec/recommender/tokenized_items.hpp>
