#include <deeprec/io/replace_file.hpp>

#include <csignal>
#include <fstream>
#include <iterator>

#include <sys/resource.h>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;

namespace {

std::string content(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}
long files(const std::filesystem::path& directory) {
    return std::distance(std::filesystem::directory_iterator(directory), {});
}

}  // namespace

TEST_CASE("a file is replaced when all of the new one is there", "[io]") {
    const support::TemporaryDirectory directory;
    const auto path = directory.write("model", "old");
    {
        FileReplacement file(path);
        file.write("half of the new");
        CHECK(content(path) == "old");
    }
    CHECK(content(path) == "old");
    CHECK(files(directory.path()) == 1);

    std::ifstream open_before(path);
    FileReplacement first(path), second(path);  // two writers do not share a temporary file
    first.write("first");
    second.write("second");
    first.commit();
    CHECK(content(path) == "first");
    second.commit();
    CHECK(content(path) == "second");
    CHECK(files(directory.path()) == 1);
    std::string still;
    open_before >> still;
    CHECK(still == "old");
}

TEST_CASE("a failed write leaves the old file and nothing else", "[io]") {
    const support::TemporaryDirectory directory;
    const auto path = directory.write("model", "old");
    CHECK_THROWS_AS(FileReplacement(directory.path() / "none" / "model"), FileError);

    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit few{1024, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &few);  // as a full disk: the first KiB fits
    const std::string complaint = support::message_of<FileError>([&] {
        FileReplacement file(path);
        file.write(std::string(4096, 'x'));
        file.commit();
    });
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    CHECK(complaint.find("cannot write " + path.string()) == 0);
    CHECK(content(path) == "old");
    CHECK(files(directory.path()) == 1);
}

TEST_CASE("what cannot be replaced stays", "[io]") {
    const support::TemporaryDirectory directory;
    std::filesystem::create_directory(directory.path() / "model");
    std::ofstream(directory.path() / "model" / "inside") << "kept";
    FileReplacement file(directory.path() / "model");
    file.write("new");
    const std::string complaint = support::message_of<FileError>([&] { file.commit(); });
    CHECK(complaint.find("cannot replace") == 0);
    CHECK(content(directory.path() / "model" / "inside") == "kept");
}
