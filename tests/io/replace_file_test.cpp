#include <deeprec/io/replace_file.hpp>

#include <csignal>
#include <fstream>
#include <iterator>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/files.hpp"

using namespace deeprec;
using support::message_of;

namespace {

std::string content(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}
long files(const std::filesystem::path& directory) {
    return std::distance(std::filesystem::directory_iterator(directory), {});
}

struct stat status_of(const std::filesystem::path& path) {
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    return status;
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
    const std::string complaint = message_of<FileError>([&] {
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

TEST_CASE("a directory that may not be written to is named, and the old file stays", "[io]") {
    const support::TemporaryDirectory directory;
    const auto path = directory.write("model", "old"), other = directory.path() / "new";
    REQUIRE(chmod(directory.path().c_str(), 0555) == 0);
    const uid_t self = geteuid();
    if (self == 0) REQUIRE(seteuid(65534) == 0);  // root may write anywhere, so this is somebody else
    std::string complaints[2];
    for (const bool exists : {false, true})
        complaints[exists] = message_of<FileError>([&] { FileReplacement file(exists ? path : other); });
    REQUIRE(seteuid(self) == 0);
    CHECK(complaints[0] == "cannot create " + other.string() + ": Permission denied");
    CHECK(complaints[1] == "cannot create " + path.string() + ": Permission denied");
    CHECK(content(path) == "old");
    CHECK(files(directory.path()) == 1);
    REQUIRE(chmod(directory.path().c_str(), 0700) == 0);
}

TEST_CASE("what is no regular file is refused by name and stays", "[io]") {
    const support::TemporaryDirectory directory;
    const auto inside = directory.path() / "directory" / "inside", pipe = directory.path() / "pipe";
    std::filesystem::create_directory(directory.path() / "directory");
    std::ofstream(inside) << "kept";
    REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
    std::filesystem::create_symlink(pipe, directory.path() / "to-pipe");
    const auto refused = [&](const std::filesystem::path& path, const std::string& kind) {
        CHECK(message_of<FileError>([&] { FileReplacement file(path); }) ==
              "cannot replace " + path.string() + ": expected a regular file, received " + kind);
    };
    refused(directory.path() / "directory", "a directory");
    refused(pipe, "a pipe");
    refused(directory.path() / "to-pipe", "a pipe");
    refused("/dev/null", "a character device");
    refused("/dev/full", "a character device");
    CHECK(content(inside) == "kept");
    CHECK(std::filesystem::is_fifo(pipe));
    CHECK(files(directory.path()) == 3);

    FileReplacement late(directory.path() / "late");
    REQUIRE(mkfifo((directory.path() / "late").c_str(), 0600) == 0);
    CHECK_THROWS_AS(late.commit(), FileError);
    CHECK(std::filesystem::is_fifo(directory.path() / "late"));
}

TEST_CASE("the new file has the mode and the owner of the old one", "[io]") {
    const support::TemporaryDirectory directory;
    for (const mode_t mode : {0600u, 0640u, 0444u, 0755u}) {
        const auto path = directory.write("model", "old");
        REQUIRE(chmod(path.c_str(), mode) == 0);
        const bool root = geteuid() == 0;
        if (root) REQUIRE(chown(path.c_str(), 1234, 5678) == 0);
        FileReplacement file(path);
        for (const auto& entry : std::filesystem::directory_iterator(directory.path()))  // no more than before
            CHECK((status_of(entry.path()).st_mode & 0777u & ~mode & ~0600u) == 0);
        file.write("new");
        file.commit();
        CHECK(content(path) == "new");
        CHECK((status_of(path).st_mode & 07777u) == mode);
        if (root) CHECK((status_of(path).st_uid == 1234 && status_of(path).st_gid == 5678));
        std::filesystem::remove(path);
    }
    const mode_t before = umask(027);
    FileReplacement fresh(directory.path() / "fresh");
    umask(before);
    fresh.commit();
    CHECK((status_of(directory.path() / "fresh").st_mode & 07777u) == 0640);
}

TEST_CASE("symbolic links stay, and what they lead to is replaced", "[io]") {
    const support::TemporaryDirectory directory;
    const auto at = [&](const char* name) { return directory.path() / name; };
    std::filesystem::create_directory(at("runs"));
    std::ofstream(at("runs/first")) << "old";
    std::filesystem::create_symlink("runs/first", at("latest"));  // relative to the link
    std::filesystem::create_symlink(at("latest"), at("model"));
    std::filesystem::create_symlink("runs/second", at("dangling"));
    const auto replace = [&](const char* name) {
        FileReplacement file(at(name));
        file.write(name);
        file.commit();
    };
    replace("model");
    CHECK(content(at("runs/first")) == "model");
    CHECK(std::filesystem::read_symlink(at("latest")) == "runs/first");
    CHECK(std::filesystem::read_symlink(at("model")) == at("latest"));
    replace("dangling");
    CHECK(content(at("runs/second")) == "dangling");
    CHECK(std::filesystem::is_symlink(at("dangling")));
    CHECK(files(at("runs")) == 2);
    std::filesystem::create_symlink("loop", at("loop"));
    CHECK(message_of<FileError>([&] { replace("loop"); }).find("cannot replace " + at("loop").string()) == 0);
}

TEST_CASE("names may be as long as the system allows", "[io]") {
    const support::TemporaryDirectory directory;
    const auto path = directory.path() / std::string(255, 'n');
    for (const char* text : {"first", "second"}) {
        FileReplacement file(path);
        file.write(text);
        file.commit();
        CHECK(content(path) == text);
    }
    CHECK_THROWS_AS(FileReplacement(directory.path() / std::string(256, 'n')), FileError);
    CHECK(files(directory.path()) == 1);
}

TEST_CASE("what a killed process left behind is removed, what a living one writes is not", "[io]") {
    const support::TemporaryDirectory directory;
    const auto path = directory.write("model", "old");
    for (const char* name : {"model", "other"}) {
        const pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            FileReplacement file(directory.path() / name);
            file.write("half of the new");
            raise(SIGKILL);
        }
        int status = 0;
        REQUIRE(waitpid(child, &status, 0) == child);
        CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    }
    CHECK(content(path) == "old");
    CHECK(files(directory.path()) == 2);  // the second removed what the first left
    directory.write(".deeprec-notes", "not ours");
    FileReplacement alive(directory.path() / "third"), file(path);
    CHECK(files(directory.path()) == 4);
    file.write("new");
    file.commit();
    alive.commit();
    CHECK(content(path) == "new");
    CHECK(files(directory.path()) == 3);
}
