/// Attributes of items from JSON.
#include <deeprec/data/readers/item_attributes.hpp>

#include "fuzz/fuzz.hpp"

using namespace deeprec;

FUZZ(item_attributes, bytes) {
    Vocabulary items;
    for (const char* key : {"1", "2", "a"}) items.add(key);
    const auto attributes = read_item_attributes(fuzz::files(bytes, {"items.json"}), items);
    fuzz::require(attributes.size() == 4 && attributes[0].empty());
}
