/// The room explain/: why an item was scored as it was.
#pragma once

#include <deeprec/explain/counterfactual.hpp>
#include <deeprec/explain/explain.hpp>
#include <deeprec/explain/explain_scorer.hpp>
#include <deeprec/explain/explanation.hpp>
#include <deeprec/explain/field_path.hpp>
#include <deeprec/explain/occlusion.hpp>
