/// Damaged files of models are refused or load, and then work; a save that is killed leaves the old file or the new
/// one. The tests with the tag [.long] are the same with more trials: test_io "[.long]".
#include <chrono>
#include <csignal>
#include <cstring>

#include <sys/wait.h>
#include <unistd.h>

#include <deeprec/core/random.hpp>

#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/saved_models.hpp"

using namespace deeprec;

namespace {

/// Files with bits flipped, cut, grown, and with headers edited so that their length is right.
class Damage {
public:
    explicit Damage(std::uint64_t trial) : random_(derive(Seed{2000}, trial)) {}
    std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_.below(next_++, n)); }
    std::string operator()(std::string bytes) {
        std::uint64_t length = 0;
        std::memcpy(&length, bytes.data(), 8);
        switch (below(6)) {
            case 0: edit_header(bytes, length); break;
            case 1: bytes.resize(below(bytes.size())); break;
            case 2:
                bytes.insert(below(bytes.size() + 1), std::string(1 + below(40), static_cast<char>(below(256))));
                break;
            case 3: flip(bytes, 0, 8 + length); break;
            default: flip(bytes, 8 + length, bytes.size());
        }
        return bytes;
    }

private:
    void flip(std::string& bytes, std::size_t begin, std::size_t end) {
        for (std::size_t flips = 1 + below(3); flips > 0; --flips) {
            char& byte = bytes[begin + below(end - begin)];
            byte = static_cast<char>(byte ^ (1 << below(8)));
        }
    }
    /// Another number in the place of one, or another character.
    void edit_header(std::string& bytes, std::uint64_t length) {
        constexpr std::string_view numbers[] = {
            "0",   "1",   "2", "3",    "7", "64", "1000000", "2147483647", "4294967296", "-1", "9223372036854775807",
            "1e9", "nan", "",  "true", ",", ";"};
        std::string header = bytes.substr(8, length);
        for (std::size_t edits = 1 + below(2); edits > 0; --edits) {
            std::size_t at = header.find_first_of("0123456789", below(header.size()));
            if (at == header.npos) at = below(header.size());
            const std::size_t end =
                std::max(at + 1, std::min(header.find_first_not_of("0123456789", at), header.size()));
            header.replace(at, end - at, numbers[below(std::size(numbers))]);
        }
        bytes.replace(8, length, header);
        length = header.size();
        std::memcpy(bytes.data(), &length, 8);
    }

    RandomStream random_;
    std::uint64_t next_ = 0;
};

/// Of `files` damaged files of all kinds those that loaded, after a forward pass of each.
int damaged_that_load(int files) {
    int loaded = 0;
    for (int kind = 0; kind < support::saved_kinds; ++kind)
        support::with_kind(kind, [&](const auto& make) {
            const std::string good = support::saved(make());
            for (int trial = kind; trial < files; trial += support::saved_kinds) {
                Damage damage(static_cast<std::uint64_t>(trial));
                try {
                    SafetensorsReader file(std::make_unique<std::istringstream>(damage(good)), "file");
                    const auto again = load<decltype(make())>(file);
                    ++loaded;
                    support::pass_through(again);
                } catch (const Error& error) {
                    if (*error.what() == '\0') FAIL("an error without words");
                }
            }
        });
    return loaded;
}

/// Kills so many saves over a file, each at a random moment of twice the time that one takes here and now.
void kill_saves(int kills) {
    const support::TemporaryDirectory directory;
    const auto path = directory.path() / "model";
    Sequential model{Dense{64, relu}, Dense{1}};
    model.build({500}, Seed{1});
    const auto version = [](int number) {
        return Metadata{{"version", std::string(5000, static_cast<char>('a' + number % 26))}};
    };
    /// Saves in a process of its own, which is killed after so many microseconds or, below 0, not at all.
    const auto save_in_child = [&](int number, double micros) {
        const pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            save(model, path, version(number));
            if (micros < 0) _exit(0);
            pause();
        }
        if (micros >= 0) {
            usleep(static_cast<useconds_t>(micros));
            REQUIRE(kill(child, SIGKILL) == 0);
        }
        int status = 0;
        REQUIRE(waitpid(child, &status, 0) == child);
        REQUIRE((micros < 0 ? WIFEXITED(status) && WEXITSTATUS(status) == 0
                            : WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
        return child;
    };
    int replaced = 0, writing = 0;
    double micros = 0;
    const RandomStream random(Seed{9});
    for (int trial = 0; trial < kills; ++trial) {
        if (trial % 10 == 0) {  // other programs come and go
            const auto start = std::chrono::steady_clock::now();
            save_in_child(0, -1);
            micros = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
        }
        const std::string before = SafetensorsReader(path).metadata().at("version");
        const int number = before[0] - 'a' + 1;
        const pid_t child = save_in_child(number, random.uniform(static_cast<std::uint64_t>(trial), 0, 2 * micros));
        auto other = model;
        load(other, path);  // whole, whichever it is
        const std::string now = SafetensorsReader(path).metadata().at("version");
        REQUIRE((now == before || now == version(number).at("version")));
        replaced += now != before;
        for (const auto& left : std::filesystem::directory_iterator(directory.path()))
            writing += left.path().string().find(message("-", child, "-")) != std::string::npos;
    }
    std::printf("of %d saves that were killed %d had replaced the file, %d were writing the new one\n", kills, replaced,
                writing);
    CHECK(replaced < kills);
    save(model, path);  // clears what is left
    CHECK(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 1);
}

}  // namespace

TEST_CASE("A damaged model is refused or works", "[io]") {
    const int loaded = damaged_that_load(1800);
    CHECK(loaded > 400);
    CHECK(loaded < 1000);
}
TEST_CASE("10000 damaged models are refused or work", "[.long]") {
    std::printf("of 10000 damaged files %d loaded\n", damaged_that_load(10'000));
}

TEST_CASE("A save that is killed leaves the old file or the new one", "[io]") { kill_saves(30); }
TEST_CASE("500 saves that are killed leave the old file or the new one", "[.long]") { kill_saves(500); }
