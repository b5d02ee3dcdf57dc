// A log of a million events as a table, beside a pass of getline over the same file: of few users and items, whose keys
// are in a cache, and of many.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <benchmark/benchmark.h>

#include <deeprec/core/random.hpp>
#include <deeprec/data/readers/read_tables.hpp>
#include <deeprec/data/tables/table_file.hpp>

using namespace deeprec;

namespace {

constexpr std::int64_t rows = 1'000'000;

/// So many users and a fifth as many items, event types and prices; gone with the program.
class Log {
public:
    explicit Log(std::int64_t users)
        : path_(std::filesystem::temp_directory_path() /
                ("deeprec-bench-" + std::to_string(getpid()) + "-" + std::to_string(users) + ".csv")) {
        const RandomStream random(Seed{7});
        std::ofstream out(path_);
        out << "timestamp,user_id,item_sku,event_type,price\n";
        const char* const types[] = {"view", "view", "view", "cart", "buy"};
        const auto people = static_cast<std::uint64_t>(users);
        for (std::uint64_t i = 0; i < rows; ++i) {
            const auto user = random.below(4 * i, people) * 7919, item = random.below(4 * i + 1, people / 5);
            out << 1'726'000'000'000 + i * 5000 << ",u" << 1'000'000 + user << ",SKU-" << item * item << '-' << item
                << ',' << types[random.below(4 * i + 2, 5)] << ',' << random.below(4 * i + 3, 100) << ".99\n";
        }
    }
    Log(const Log&) = delete;
    ~Log() { std::filesystem::remove(path_); }
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};
const std::filesystem::path& log_of(const benchmark::State& state) {
    static std::map<std::int64_t, Log> logs;
    return logs.try_emplace(state.range(0), state.range(0)).first->second.path();
}
EventTable read(const std::filesystem::path& file) {
    return read_events(file, {.user = "user_id",
                              .item = "item_sku",
                              .time = "timestamp",
                              .columns = {{"event_type"}, {"price", ColumnKind::number}}});
}

void getline_pass(benchmark::State& state) {
    const std::filesystem::path& file = log_of(state);
    for (auto _ : state) {
        std::ifstream in(file);
        std::size_t bytes = 0;
        for (std::string line; std::getline(in, line);) bytes += line.size();
        benchmark::DoNotOptimize(bytes);
    }
    state.SetItemsProcessed(state.iterations() * rows);
}
void read_events_csv(benchmark::State& state) {
    const std::filesystem::path& file = log_of(state);
    for (auto _ : state) benchmark::DoNotOptimize(read(file).size());
    state.SetItemsProcessed(state.iterations() * rows);
}
void load_events_file(benchmark::State& state) {
    const std::filesystem::path file = log_of(state).string() + ".safetensors";
    save(read(log_of(state)), file);
    for (auto _ : state) benchmark::DoNotOptimize(load_events(file).size());
    state.SetItemsProcessed(state.iterations() * rows);
    std::filesystem::remove(file);
}
BENCHMARK(getline_pass)->Unit(benchmark::kMillisecond)->ArgName("users")->Arg(20'000)->Arg(500'000);
BENCHMARK(read_events_csv)->Unit(benchmark::kMillisecond)->ArgName("users")->Arg(20'000)->Arg(500'000);
BENCHMARK(load_events_file)->Unit(benchmark::kMillisecond)->ArgName("users")->Arg(20'000)->Arg(500'000);

}  // namespace
