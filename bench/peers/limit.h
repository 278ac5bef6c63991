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
    const int64_t *wage, *medical_cost;
    /* households */
    const int8_t *dwelling_grade;
    const int32_t *dwelling_area;
    const int8_t *water_ok, *main_cause;
    const int32_t *surveyed;
    const int64_t *farming, *business, *transfer, *property, *production_cost, *debt;
    const int8_t *has_car;
    const int64_t *sheep_units;
    const int32_t *grain_kg;
};

struct outputs {
    int8_t *age, *school_age, *severe_disabled, *dropout, *able, *dependent, *adult_units;
    int64_t *medical_burden;
    int8_t *migrant;
    int64_t *living_allowance, *nursing_subsidy, *education_grant, *medical_relief, *old_age_supplement, *person_aid;
    int8_t *trainable, *public_job;
    int64_t *public_job_amount;
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
    int32_t first_day; /* the day tables begin here */
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

/* Sums are villages × (19 sums, 19 counts of unknown rows). */
void evaluate(const struct inputs *in, const struct outputs *out, const struct parameters *q, int64_t *sums, int32_t threads)
{
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
}
