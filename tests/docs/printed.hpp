/// What the code of the documents prints, beside what they say it prints. For the program that program.awk writes.
#pragma once

#include <unistd.h>

#include <array>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace docs {

inline std::string place;  // of the block that runs
inline int failures = 0;
inline void at(const char* file_and_line) { place = file_and_line; }

/// Standard output goes into a file.
class Output {
public:
    Output() : file_(std::tmpfile()), standard_(::dup(1)) { ::dup2(::fileno(file_), 1); }
    ~Output() {
        take();
        ::dup2(standard_, 1);
        ::close(standard_);
        std::fclose(file_);
    }
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    /// What was printed since the last call.
    std::string take() {
        std::cout.flush();
        std::fflush(stdout);
        std::string text;
        std::array<char, 4096> part{};
        for (ssize_t n = 0; (n = ::pread(1, part.data(), part.size(), static_cast<off_t>(text.size()))) > 0;)
            text.append(part.data(), static_cast<std::size_t>(n));
        if (::ftruncate(1, 0) != 0) std::perror("ftruncate");
        ::lseek(1, 0, SEEK_SET);
        return text;
    }

private:
    std::FILE* file_;
    int standard_;
};
inline Output* output = nullptr;
inline void printed() { output->take(); }

/// Whether a text is as the pattern says, in which "..." stands for anything.
inline bool matches(const std::string& text, const std::string& pattern) {
    const auto dots = pattern.find("...");
    if (dots == std::string::npos) return text == pattern;
    if (text.compare(0, dots, pattern, 0, dots) != 0) return false;
    const std::string rest = pattern.substr(dots + 3);
    for (std::size_t from = dots; from <= text.size(); ++from)
        if (matches(text.substr(from), rest)) return true;
    return false;
}
/// Without blanks at the ends of lines and empty lines at the end.
inline std::string tidy(const std::string& text) {
    std::istringstream in(text);
    std::string line, all;
    std::size_t end = 0;
    while (std::getline(in, line)) {
        line.erase(line.find_last_not_of(" \r") + 1);
        all += line + "\n";
        if (!line.empty()) end = all.size();
    }
    return all.substr(0, end);
}
/// Compares what the block has printed.
inline void expect(const char* said) {
    const std::string was = tidy(output->take()), expected = tidy(said);
    if (matches(was, expected)) return;
    ++failures;
    std::cerr << place << ": the document says\n" << expected << "but the program printed\n" << was << "\n";
}

/// Runs the pages in an empty folder.
inline int run_all(const std::vector<void (*)()>& pages, int blocks, int outputs) {
    const std::filesystem::path folder = "docs_scratch";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
    std::filesystem::current_path(folder);
    {
        Output captured;
        output = &captured;
        for (const auto page : pages) {
            try {
                page();
            } catch (const std::exception& error) {
                ++failures;
                std::cerr << place << ": the block threw: " << error.what() << "\n";
            }
        }
    }
    std::printf("%d blocks, %d outputs compared, %d failures\n", blocks, outputs, failures);
    return failures == 0 && blocks > 0 ? 0 : 1;
}

}  // namespace docs
