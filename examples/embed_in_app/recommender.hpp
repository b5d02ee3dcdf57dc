// What the rest of the application sees of deeprec: one class, no templates.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

class Recommender {
public:
    // Trains on a small synthetic shop; an application would load its model here.
    explicit Recommender(std::uint64_t seed);
    ~Recommender();

    // The best `count` items for what a person did last, without what they have. Safe from any number of threads.
    std::vector<std::int32_t> recommend(const std::vector<std::int32_t>& history, int count) const;
    // A few histories to ask with.
    std::vector<std::vector<std::int32_t>> sample_requests() const;

private:
    struct Parts;
    std::unique_ptr<const Parts> parts_;
};
