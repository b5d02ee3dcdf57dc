// An application with a recommender in it: the model is made once, then four threads answer requests from it.
#include <algorithm>
#include <cstdio>
#include <thread>
#include <vector>

#include <deeprec/version.hpp>

#include "recommender.hpp"

int main() {
    const Recommender recommender(7);
    const auto requests = recommender.sample_requests();

    // What one thread says is what every thread must say.
    std::vector<std::vector<std::int32_t>> expected;
    for (const auto& history : requests) expected.push_back(recommender.recommend(history, 5));

    std::vector<int> wrong(4, 0);
    std::vector<std::thread> servers;
    for (std::size_t t = 0; t < wrong.size(); ++t)
        servers.emplace_back([&, t] {
            for (std::size_t i = 0; i < requests.size(); ++i) wrong[t] += recommender.recommend(requests[i], 5) != expected[i];
        });
    for (auto& server : servers) server.join();

    std::printf("deeprec %s: %zu requests on %zu threads; the first person gets items", deeprec::version, requests.size(), wrong.size());
    for (const std::int32_t item : expected.front()) std::printf(" %d", item);
    std::printf("\n");
    const bool complete = std::all_of(expected.begin(), expected.end(), [](const auto& items) { return items.size() == 5; });
    return complete && std::all_of(wrong.begin(), wrong.end(), [](int n) { return n == 0; }) ? 0 : 1;
}
