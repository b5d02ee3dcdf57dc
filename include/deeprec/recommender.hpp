/// The room recommender/: a recommender in one file, served by key, refreshed while it is read. Not in deeprec.hpp.
#pragma once

#include <deeprec/recommender/snapshot.hpp>
