/* What both loops share: inputs, outputs, and the division of villages among threads. */
#include <stdint.h>
#include <stdlib.h>
#include <pthread.h>

#define SUMS 19
enum { PEOPLE, POOR_HOUSEHOLDS, POOR_PEOPLE, BELOW_PEOPLE, GAP, NET_INCOME, INSURED, DROPOUT, SCHOOL_AGE, UNSAFE,
       HOUSEHOLDS, ABLE_POOR, GUARANTEED, AID, AID_POOR, STILL_PEOPLE, AT_RISK, JOB_PAY, SECURED };

struct inputs {
    int32_t villages;
    const int32_t *households_at, *members_at;
    const int8_t *pastoral;
    const int64_t *village_codes;
    /* persons */
    const int32_t *birth;
    const int8_t *relation, *labour, *schooling, *health, *disability_grade, *insured, *months_away;
    const int32_t *wage, *medical_cost;
    /* households */
    const int8_t *dwelling_grade;
    const int32_t *dwelling_area;
    const int8_t *water_ok, *main_cause;
    const int32_t *surveyed;
    const int32_t *farming, *business, *transfer, *property, *production_cost, *debt;
    const int8_t *has_car;
    const int32_t *sheep_units;
    const int32_t *grain_kg;
};

struct outputs {
    int8_t *age, *school_age, *severe_disabled, *dropout, *able, *dependent, *adult_units;
    int32_t *medical_burden;
    int8_t *migrant;
    int32_t *living_allowance, *nursing_subsidy, *education_grant, *medical_relief, *old_age_supplement, *person_aid;
    int8_t *trainable, *public_job;
    int32_t *public_job_amount;
    int32_t *members, *able_members, *dropouts, *units;
    int64_t *medical_total;
    int8_t *all_insured, *has_severe;
    int64_t *herd_income, *net_income, *per_head, *per_unit;
    int8_t *below_line;
    int64_t *gap;
    int8_t *below_dibao, *crowded, *dwelling_safe, *guarantees_ok, *wealthy, *identified_poor, *five_guarantee, *household_class;
    int64_t *dibao_gap;
    int8_t *stale_survey;
    int64_t *aid, *income_after;
    int8_t *still_below, *risk_score, *at_risk, *measure;
    int64_t *job_income;
    int8_t *secured;
};

struct parameters {
    int64_t poverty_line, near_factor10, dibao_general, dibao_pastoral, dibao_1501, uplift100, sheep_unit_income,
        medical_threshold, relief_share100, relief_cap, nursing_rate[5], grant_by_stage[7], old_age_rate, job_pay;
    int32_t first_day, year, month, day; /* the day tables begin here; the date of the run */
    const int8_t *age_on, *school_age_on; /* completed years by day of birth, on the date and on 31 August */
    const int16_t *months_since;          /* completed months by day, to the date */
};

static void villages(const struct inputs *in, const struct outputs *o, const struct parameters *q, int64_t *sums, int32_t from, int32_t to);

static inline int64_t round_div(int64_t n, int64_t d) { return n >= 0 ? (2 * n + d) / (2 * d) : -((d - 2 * n) / (2 * d)); }

struct part { const struct inputs *in; const struct outputs *out; const struct parameters *q; int64_t *sums; int32_t from, to; };

static void *part(void *argument)
{
    struct part *p = argument;
    villages(p->in, p->out, p->q, p->sums, p->from, p->to);
    return 0;
}

/* Day → completed years (on the date, on 31 August of its year) and completed months to the date. */
static void day_tables(int32_t days, int32_t year, int32_t month, int32_t dom, int8_t *age, int8_t *school_age, int16_t *months)
{
    static const int8_t length[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int32_t y = 1900, m = 1, d = 1; /* 1900-01-01 is the first day */
    for (int32_t i = 0; i < days; i++) {
        const int32_t since = (year - y) * 12 + month - m - (d > dom), august = (year - y) * 12 + 8 - m - (d > 31);
        months[i] = since;
        age[i] = since >= 0 ? since / 12 : -1;
        school_age[i] = august >= 0 ? august / 12 : -1;
        const int leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
        if (++d > length[m - 1] + (m == 2 && leap)) { d = 1; if (++m > 12) { m = 1; y++; } }
    }
}

/* Villages stand in the order of their codes, so that a division ends where the prefix of the code changes. */
static void roll_up(const struct inputs *in, const int64_t *sums, int64_t *const *levels)
{
    static const int64_t cut[5] = {10000000000, 100000000, 1000000, 1000, 1};
    for (int l = 0; l < 5; l++) {
        int64_t *row = levels[l];
        for (int32_t v = 0; v < in->villages; v++) {
            if (v == 0) for (int k = 0; k < 2 * SUMS; k++) row[k] = 0;
            else if (in->village_codes[v] / cut[l] != in->village_codes[v - 1] / cut[l]) {
                row += 2 * SUMS;
                for (int k = 0; k < 2 * SUMS; k++) row[k] = 0;
            }
            for (int k = 0; k < 2 * SUMS; k++) row[k] += sums[(int64_t)v * 2 * SUMS + k];
        }
    }
}

/* Sums are villages × (19 sums, 19 counts of unknown rows). */
void evaluate(const struct inputs *in, const struct outputs *out, const struct parameters *q, int64_t *sums, int64_t *const *levels, int32_t threads)
{
    enum { DAYS = 43000 };
    static int8_t age[DAYS], school_age[DAYS];
    static int16_t months[DAYS];
    day_tables(DAYS, q->year, q->month, q->day, age, school_age, months);
    struct parameters with = *q;
    with.age_on = age; with.school_age_on = school_age; with.months_since = months;
    q = &with;
    struct part parts[64];
    pthread_t ids[64];
    const int32_t all = in->households_at[in->villages];
    int32_t from = 0;
    for (int32_t t = 0; t < threads; t++) {
        int32_t to = from;
        const int64_t until = (int64_t)all * (t + 1) / threads;
        while (to < in->villages && (t + 1 == threads || in->households_at[to] < until)) to++;
        parts[t] = (struct part){in, out, q, sums, from, to};
        from = to;
    }
    for (int32_t t = 1; t < threads; t++) pthread_create(&ids[t], 0, part, &parts[t]);
    part(&parts[0]);
    for (int32_t t = 1; t < threads; t++) pthread_join(ids[t], 0);
    roll_up(in, sums, levels);
}
