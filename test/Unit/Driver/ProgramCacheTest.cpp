//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where programs are kept, under which names, and what happens to damaged ones.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Driver/ProgramCache.h"

#include "Support/TemporaryFolder.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <set>
#include <unistd.h>

using namespace mx;
namespace fs = std::filesystem;

namespace {
/// A variable of the environment that is put back at the end of a scope.
class Variable {
public:
  Variable(const char *name, const char *value) : name(name) {
    if (const char *old = std::getenv(name))
      saved = old;
    set(value);
  }
  ~Variable() { set(saved ? saved->c_str() : nullptr); }

private:
  void set(const char *value) {
    if (value)
      setenv(name, value, 1);
    else
      unsetenv(name);
  }

  const char *name;
  std::optional<std::string> saved;
};

class ProgramCacheTest : public testing::Test {
protected:
  void SetUp() override {
    Result<ModelConfig> read = readModelConfig(
        MXFP4_SOURCE_DIR "/models/tiny-shakespeare/config.json");
    ASSERT_TRUE(read);
    config = *read;
    options.reference = true;
  }

  test::TemporaryFolder folder;
  ModelConfig config;
  CompileOptions options;
};
} // namespace

TEST_F(ProgramCacheTest, FolderComesFromTheEnvironment) {
  Variable home("HOME", "/home/someone");
  Variable own("MXFP4_CACHE_DIR", "relative");
  Variable xdg("XDG_CACHE_HOME", "/cache");
  EXPECT_EQ(*defaultCacheFolder(), "relative");
  {
    Variable none("MXFP4_CACHE_DIR", nullptr);
    EXPECT_EQ(*defaultCacheFolder(), "/cache/mxfp4");
    Variable relative("XDG_CACHE_HOME", "cache");
    EXPECT_EQ(*defaultCacheFolder(), "/home/someone/.cache/mxfp4");
    Variable noHome("HOME", nullptr);
    EXPECT_EQ(defaultCacheFolder().error().message,
              "no folder to keep compiled programs in: HOME is not set; use "
              "--cache-dir or --no-cache");
  }
}

TEST_F(ProgramCacheTest, KeyDependsOnAllThatDecidesAProgram) {
  std::string key = cacheKey("build", config, options);
  EXPECT_EQ(key.size(), 64u);
  EXPECT_EQ(key, cacheKey("build", config, options));

  std::set<std::string> keys = {key, cacheKey("other build", config, options)};
  ModelConfig otherConfig = config;
  otherConfig.ropeTheta += 1;
  keys.insert(cacheKey("build", otherConfig, options));
  CompileOptions other = options;
  other.target = "cpu:x86-64-v3";
  keys.insert(cacheKey("build", config, other));
  other = options;
  other.activations = "f32";
  keys.insert(cacheKey("build", config, other));
  other = options;
  other.reference = false;
  keys.insert(cacheKey("build", config, other));
  other = options;
  other.fuse = false;
  keys.insert(cacheKey("build", config, other));
  other = options;
  other.prefillTokens = 7;
  keys.insert(cacheKey("build", config, other));
  other = options;
  other.sequences = 2;
  keys.insert(cacheKey("build", config, other));
  EXPECT_EQ(keys.size(), 9u);
}

TEST_F(ProgramCacheTest, CompilesOnceAndReplacesDamagedEntries) {
  CacheOptions cache{true, folder / "new/cache"};
  Result<CachedProgram> first = compileCached(config, options, cache);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_FALSE(first->cached);
  EXPECT_EQ(fs::status(cache.folder).permissions(), fs::perms::owner_all);

  Result<CachedProgram> second = compileCached(config, options, cache);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_TRUE(second->cached);
  EXPECT_EQ(second->program.code, first->program.code);

  fs::path entry = fs::directory_iterator(cache.folder)->path();
  fs::resize_file(entry, fs::file_size(entry) / 2);
  Result<CachedProgram> third = compileCached(config, options, cache);
  ASSERT_TRUE(third) << third.error().message;
  EXPECT_FALSE(third->cached);
  EXPECT_TRUE(compileCached(config, options, cache)->cached);
}

TEST_F(ProgramCacheTest, WithoutCacheTouchesNoFile) {
  CacheOptions cache{false, folder / "cache"};
  Result<CachedProgram> compiled = compileCached(config, options, cache);
  ASSERT_TRUE(compiled) << compiled.error().message;
  EXPECT_FALSE(compiled->cached);
  EXPECT_FALSE(fs::exists(cache.folder));
}

TEST_F(ProgramCacheTest, FolderThatCannotBeWritten) {
  test::writeText(folder / "file", "not a folder");
  Result<CachedProgram> compiled =
      compileCached(config, options, {true, folder / "file/cache"});
  ASSERT_FALSE(compiled);
  EXPECT_EQ(compiled.error().message,
            "cannot keep the compiled program in " + folder.path +
                "/file/cache: Not a directory; use --cache-dir or --no-cache");
}

TEST_F(ProgramCacheTest, FolderThatOthersMayWrite) {
  for (fs::perms others : {fs::perms::group_write, fs::perms::others_write}) {
    fs::permissions(folder.path, fs::perms::owner_all | others);
    EXPECT_EQ(
        compileCached(config, options, {true, folder.path}).error().message,
        "cannot trust the compiled programs in " + folder.path +
            ": other users may write to it; use --cache-dir or --no-cache");
  }
  fs::permissions(folder.path, fs::perms::owner_all | fs::perms::others_read |
                                   fs::perms::others_exec);
  EXPECT_TRUE(compileCached(config, options, {true, folder.path}));
}

TEST_F(ProgramCacheTest, FolderOfSomebodyElse) {
  if (chown(folder.path.c_str(), 12345, gid_t(-1)) != 0)
    GTEST_SKIP() << "only root can give a folder away";
  EXPECT_EQ(compileCached(config, options, {true, folder.path}).error().message,
            "cannot trust the compiled programs in " + folder.path +
                ": it belongs to another user; use --cache-dir or --no-cache");
}
