/* Settings that are files of their own.  Each test runs in a process of its own, and so in a
 * folder of its own. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "config/rows.h"
#include "config/settings.h"

static struct settings settings;
static struct settings_report report;
static char folder[64];
static char *environment[] = { "TENANT_SERVICE_URL=http://t:1",
			       "CONVERSATION_SERVICE_URL=http://c:2", NULL, NULL };

static void enter_folder(void)
{
	text_copy_cut(folder, sizeof(folder), "/tmp/test_secrets.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	ck_assert_int_eq(mkdir("secrets", 0700), 0);
}

static void leave_folder(void)
{
	static const char *const files[] = { "conf",
					     "secrets/DATABASE_URL",
					     "secrets/secret_DATABASE_URL",
					     "secrets/WHATSAPP_APP_SECRET",
					     "secrets/MAX_RETRIES",
					     "secrets/secret_message-sender-master-key" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)unlink(files[i]);
	ck_assert_int_eq(rmdir("secrets"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void put(const char *name, const char *text)
{
	FILE *out = fopen(name, "w");

	ck_assert_ptr_nonnull(out);
	ck_assert_int_ge(fputs(text, out), 0);
	ck_assert_int_eq(fclose(out), 0);
}

static int load(const char *file, const char *variable)
{
	environment[2] = (char *)variable;
	return settings_load(&settings, file, environment, &report);
}

static enum settings_source source_of(const char *name)
{
	for (unsigned i = 0; i < settings_row_count; i++) {
		if (!strcmp(settings_rows[i].name, name))
			return settings.sources[i];
	}
	ck_abort_msg("%s is no setting", name);
}

START_TEST(they_lie_beside_the_file)
{
	char path[80];

	put("conf", "WHATSAPP_APP_SECRET=from-the-file\n");
	put("secrets/DATABASE_URL", "dbname=x\n");
	put("secrets/WHATSAPP_APP_SECRET", "from-the-secret");
	put("secrets/MAX_RETRIES", "5\n"); /* is none */
	ck_assert_int_eq(load("conf", NULL), 0);
	ck_assert_uint_eq(report.count, 0);
	ck_assert_str_eq(settings.database_url, "dbname=x");
	ck_assert_int_eq(source_of("DATABASE_URL"), SETTINGS_SECRET);
	ck_assert_str_eq(settings.whatsapp_app_secret, "from-the-secret");
	ck_assert_int_eq(source_of("MAX_RETRIES"), SETTINGS_DEFAULT);
	snprintf(path, sizeof(path), "%s/conf", folder);
	ck_assert_int_eq(load(path, NULL), 0);
	ck_assert_int_eq(source_of("DATABASE_URL"), SETTINGS_SECRET);
	/* Without a file nobody has said where they are. */
	ck_assert_int_eq(load(NULL, NULL), -1);
}
END_TEST

START_TEST(they_lie_where_credentials_are)
{
	char variable[96];

	put("secrets/DATABASE_URL", "dbname=x\n");
	put("conf", "");
	ck_assert_int_eq(load("conf", "CREDENTIALS_DIRECTORY=/nowhere"), -1);
	snprintf(variable, sizeof(variable), "CREDENTIALS_DIRECTORY=%s/secrets", folder);
	ck_assert_int_eq(load(NULL, variable), 0);
	ck_assert_str_eq(settings.database_url, "dbname=x");
	/* As systemd names those of a directory. */
	ck_assert_int_eq(rename("secrets/DATABASE_URL", "secrets/secret_DATABASE_URL"), 0);
	ck_assert_int_eq(load(NULL, variable), 0);
	ck_assert_str_eq(settings.database_url, "dbname=x");
}
END_TEST

START_TEST(their_faults_do_not_show_them)
{
	static const char *const contents[] = { "", "two\nlines\n", "\n\n" };

	put("conf", "DATABASE_URL=dbname=y\n");
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		put("secrets/DATABASE_URL", contents[i]);
		ck_assert_int_eq(load("conf", NULL), -1);
		ck_assert_uint_eq(report.count, 1);
		ck_assert_str_eq(report.faults[0].text,
				 "secrets/DATABASE_URL: is not one line of text");
	}
}
END_TEST

START_TEST(the_master_key_stays_a_file)
{
	char variable[96];

	put("conf", "DATABASE_URL=dbname=x\n");
	ck_assert_int_eq(load("conf", NULL), 0);
	ck_assert_str_eq(settings.master_key_file, "");
	put("secrets/secret_message-sender-master-key", "k1 x\nk2 x\n");
	ck_assert_int_eq(load("conf", NULL), 0);
	ck_assert_str_eq(settings.master_key_file, "secrets/secret_message-sender-master-key");
	snprintf(variable, sizeof(variable), "MASTER_KEY_FILE=%s/conf", folder);
	ck_assert_int_eq(load("conf", variable), 0);
	ck_assert_str_eq(settings.master_key_file, variable + strlen("MASTER_KEY_FILE="));
}
END_TEST

START_TEST(the_environment_wins)
{
	put("conf", "");
	put("secrets/DATABASE_URL", "dbname=x\n");
	ck_assert_int_eq(load("conf", "DATABASE_URL=dbname=y"), 0);
	ck_assert_str_eq(settings.database_url, "dbname=y");
	ck_assert_int_eq(source_of("DATABASE_URL"), SETTINGS_ENVIRONMENT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("secrets");
	TCase *tcase = tcase_create("secrets");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, enter_folder, leave_folder);
	tcase_add_test(tcase, they_lie_beside_the_file);
	tcase_add_test(tcase, they_lie_where_credentials_are);
	tcase_add_test(tcase, their_faults_do_not_show_them);
	tcase_add_test(tcase, the_master_key_stays_a_file);
	tcase_add_test(tcase, the_environment_wins);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
