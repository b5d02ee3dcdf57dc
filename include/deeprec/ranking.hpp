/// The room ranking/: indexes, baselines, hybrids, evaluation by ranking.
#pragma once

#include <deeprec/ranking/bpr_mf.hpp>
#include <deeprec/ranking/diversity.hpp>
#include <deeprec/ranking/evaluate_ranking.hpp>
#include <deeprec/ranking/hits_file.hpp>
#include <deeprec/ranking/hybrid_scores.hpp>
#include <deeprec/ranking/item_codes.hpp>
#include <deeprec/ranking/item_index.hpp>
#include <deeprec/ranking/item_knn.hpp>
#include <deeprec/ranking/item_links.hpp>
#include <deeprec/ranking/item_scan.hpp>
#include <deeprec/ranking/item_set.hpp>
#include <deeprec/ranking/markov.hpp>
#include <deeprec/ranking/merge_top_k.hpp>
#include <deeprec/ranking/popularity.hpp>
#include <deeprec/ranking/quantized_items.hpp>
#include <deeprec/ranking/recommend.hpp>
#include <deeprec/ranking/recommend_options.hpp>
#include <deeprec/ranking/scorer.hpp>
#include <deeprec/ranking/scorer_file.hpp>
#include <deeprec/ranking/sequence_index.hpp>
#include <deeprec/ranking/slices.hpp>
#include <deeprec/ranking/top_k.hpp>
#include <deeprec/ranking/top_k_scan.hpp>
#include <deeprec/ranking/weighted_hybrid.hpp>
#include <deeprec/ranking/window_rules.hpp>
