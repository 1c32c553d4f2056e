//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files appear whole or not at all, also where several are written at once.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Support/File.h"

#include "Support/TemporaryFolder.h"

#include <gtest/gtest.h>
#include <unistd.h>

using namespace mx;
using namespace mx::test;
namespace fs = std::filesystem;

TEST(FileTest, WrittenFilesAreRead) {
  TemporaryFolder folder;
  std::string text("a\0b\n", 4);
  ASSERT_TRUE(writeFile(folder / "file", text));
  EXPECT_EQ(*readFile(folder / "file", 4), text);
  EXPECT_EQ(readFile(folder / "file", 3).error().message,
            (folder / "file") + ": expected at most 3 bytes, but it has 4");
  EXPECT_EQ(writeFile(folder.path, text).error().message,
            folder.path + ": expected a regular file or nothing, but it is "
                          "something else");
}

TEST(FileTest, TwoWritersOfOnePath) {
  TemporaryFolder folder;
  std::string path = folder / "file";
  Result<std::unique_ptr<FileWriter>> first = FileWriter::create(path);
  Result<std::unique_ptr<FileWriter>> second = FileWriter::create(path);
  Result<std::unique_ptr<FileWriter>> third = FileWriter::create(path);
  ASSERT_TRUE(first && second && third);
  ASSERT_TRUE((*first)->write("first", 5));
  ASSERT_TRUE((*second)->write("second", 6));
  ASSERT_TRUE((*third)->write("third", 5));
  EXPECT_FALSE(fs::exists(path));
  ASSERT_TRUE((*first)->finish());
  EXPECT_EQ(readText(path), "first");
  ASSERT_TRUE((*second)->finish());
  EXPECT_EQ(readText(path), "second");
  third->reset();
  EXPECT_EQ(readText(path), "second");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path), {}), 1);
}

/// What stands at the name of an unfinished file is left alone, be it a link.
TEST(FileTest, TakenNames) {
  TemporaryFolder folder;
  std::string path = folder / "file";
  ASSERT_TRUE(FileWriter::create(path));
  std::string partial = path + ".partial" + std::to_string(getpid()) + "-";
  writeText(folder / "other", "untouched");
  for (int number = 0; number < 100; ++number)
    fs::create_symlink("other", partial + std::to_string(number));
  ASSERT_TRUE(writeFile(path, "new"));
  EXPECT_EQ(readText(path), "new");
  EXPECT_FALSE(fs::is_symlink(path));
  EXPECT_EQ(readText(folder / "other"), "untouched");
}
