/* The same loop over inputs that may be missing: a reserved value stands for missing, truth is 0 no, 1 unknown, 2 yes. */
#include "limit.h"

#define NA8 INT8_MIN
#define NA32 INT32_MIN
#define NA (-(1LL << 62))
#define UNKNOWN 1

static inline int tri(int known, int yes) { return known ? yes ? 2 : 0 : UNKNOWN; }
static inline int and2(int a, int b) { return a < b ? a : b; }
static inline int or2(int a, int b) { return a > b ? a : b; }
static inline int not1(int a) { return 2 - a; }
static inline int8_t put(int t) { return t == UNKNOWN ? NA8 : (int8_t)(t >> 1); }
static inline int get(int8_t b) { return b == NA8 ? UNKNOWN : 2 * b; }
static inline int64_t wide(int32_t v) { return v == NA32 ? NA : v; }
static inline int32_t narrow(int64_t v) { return v == NA ? NA32 : (int32_t)v; }
/* Counts a row in `sum` when `t` is yes, in the unknown column when it cannot be told. */
#define TALLY(sum, t, n) do { const int t_ = (t); if (t_ == 2) s[sum] += (n); else if (t_ == UNKNOWN) u[sum]++; } while (0)
#define TALLY_ROWS(sum, t, rows) do { const int t_ = (t); if (t_ == 2) s[sum] += (rows); else if (t_ == UNKNOWN) u[sum] += (rows); } while (0)
#define ADD(sum, v) do { const int64_t v_ = (v); if (v_ == NA) u[sum]++; else s[sum] += v_; } while (0)

static void villages(const struct inputs *in, const struct outputs *o, const struct parameters *q, int64_t *sums, int32_t from, int32_t to)
{
    const int64_t line = q->poverty_line;
    for (int32_t v = from; v < to; v++) {
        int64_t s[SUMS] = {0}, u[SUMS] = {0};
        const int64_t dibao = in->village_codes[v] / 100000000 == 1501 ? q->dibao_1501 : in->pastoral[v] ? q->dibao_pastoral : q->dibao_general;
        for (int32_t h = in->households_at[v]; h < in->households_at[v + 1]; h++) {
            const int32_t a = in->members_at[h], z = in->members_at[h + 1];
            const int64_t members = z - a;
            int64_t able_members = 0, dropouts = 0, units = 0, medical_total = 0, wages = 0;
            int able_known = 1, dropouts_known = 1, units_known = 1, medical_known = 1, wages_known = 1;
            int all_insured = 2, any_severe = 0, all_dependent = 2;
            for (int32_t p = a; p < z; p++) {
                const int born = in->birth[p] != NA32;
                const int age = born ? q->age_on[in->birth[p] - q->first_day] : 0, at_school = born ? q->school_age_on[in->birth[p] - q->first_day] : 0;
                const int grade = in->disability_grade[p], schooling = in->schooling[p], labour = in->labour[p];
                const int school_age = tri(born, at_school >= 6 && at_school <= 14), severe = tri(grade != NA8, grade == 1 || grade == 2);
                const int dropout = and2(and2(school_age, tri(schooling != NA8, schooling == 0)), not1(severe));
                const int able = and2(and2(tri(born, age >= 16 && age <= 59), tri(labour != NA8, labour <= 1)), tri(schooling != NA8, schooling < 4));
                const int dependent = or2(tri(born, age < 16 || age >= 60), tri(labour != NA8, labour == 3));
                const int relation = in->relation[p];
                /* A head is a head whatever the age; anyone else needs one, and so does an unknown relation a value. */
                const int unit = relation == NA8 ? NA8 : relation == 0 ? 10 : !born ? NA8 : age >= 14 ? 7 : 5;
                const int64_t cost = wide(in->medical_cost[p]), over = cost - q->medical_threshold, burden = cost == NA ? NA : over > 0 ? over : 0;
                const int migrant = and2(able, tri(in->months_away[p] != NA8, in->months_away[p] >= 6));
                o->age[p] = born ? age : NA8; o->school_age[p] = put(school_age); o->severe_disabled[p] = put(severe); o->dropout[p] = put(dropout);
                o->able[p] = put(able); o->dependent[p] = put(dependent); o->adult_units[p] = unit; o->medical_burden[p] = narrow(burden); o->migrant[p] = put(migrant);
                able_members += able == 2; able_known &= able != UNKNOWN;
                dropouts += dropout == 2; dropouts_known &= dropout != UNKNOWN;
                units += unit; units_known &= unit != NA8;
                medical_total += burden; medical_known &= burden != NA;
                wages += in->wage[p]; wages_known &= in->wage[p] != NA32;
                all_insured = and2(all_insured, get(in->insured[p]));
                all_dependent = and2(all_dependent, dependent);
                any_severe = or2(any_severe, or2(severe, tri(in->health[p] != NA8, in->health[p] == 2)));
                TALLY(INSURED, get(in->insured[p]), 1); TALLY(DROPOUT, dropout, 1); TALLY(SCHOOL_AGE, school_age, 1);
            }
            const int64_t sheep = wide(in->sheep_units[h]), herd = sheep == NA ? NA : (sheep * q->sheep_unit_income + 50) / 100;
            const int net_known = wages_known && in->farming[h] != NA32 && in->business[h] != NA32 && in->transfer[h] != NA32 && in->property[h] != NA32
                                  && herd != NA && in->production_cost[h] != NA32;
            const int64_t net = net_known ? wages + in->farming[h] + in->business[h] + in->transfer[h] + in->property[h] + herd - in->production_cost[h] : NA;
            const int64_t per_head = members > 0 ? net_known ? round_div(net, members) : NA : 0;
            const int below = members > 0 ? tri(net_known, net < line * members) : 0;
            const int64_t gap = below == UNKNOWN ? NA : below ? line * members - net : 0;
            const int below_dibao = tri(net_known, net < dibao * members);
            const int crowded = members > 0 ? tri(in->dwelling_area[h] != NA32, in->dwelling_area[h] < 130 * members) : 0;
            const int safe = tri(in->dwelling_grade[h] != NA8, in->dwelling_grade[h] <= 1);
            const int guarantees = and2(and2(tri(dropouts_known, dropouts == 0), all_insured), and2(safe, get(in->water_ok[h])));
            const int wealthy = or2(and2(get(in->has_car[h]), not1(any_severe)), tri(sheep != NA, sheep > 40000));
            const int near = tri(per_head != NA, per_head * 10 < line * q->near_factor10);
            const int poor = and2(or2(below, and2(near, not1(guarantees))), not1(wealthy));
            const int five = and2(and2(tri(1, members >= 1 && members <= 2), tri(able_known, able_members == 0)), and2(below_dibao, all_dependent));
            const int first = and2(five, not1(wealthy)), second = and2(poor, below_dibao);
            const int class = first == 2 ? 3 : first == UNKNOWN ? NA8 : second == 2 ? 2 : second == UNKNOWN ? NA8 : poor == 2 ? 1 : poor == UNKNOWN ? NA8 : 0;
            const int guaranteed = tri(class != NA8, class >= 2);
            const int topped = and2(and2(tri(1, members > 0), guaranteed), below_dibao);
            const int64_t top_up = topped == UNKNOWN ? NA : topped ? round_div(dibao * members - net, members) : 0;
            const int64_t top_up_uplifted = top_up == NA ? NA : top_up + (top_up * q->uplift100 + 50) / 100;
            const int32_t surveyed = in->surveyed[h];
            o->members[h] = members; o->able_members[h] = able_known ? able_members : NA32; o->dropouts[h] = dropouts_known ? dropouts : NA32;
            o->units[h] = units_known ? units : NA32; o->medical_total[h] = medical_known ? medical_total : NA;
            o->all_insured[h] = put(all_insured); o->has_severe[h] = put(any_severe); o->herd_income[h] = herd; o->net_income[h] = net; o->per_head[h] = per_head;
            o->per_unit[h] = !units_known ? NA : units > 0 ? net_known ? round_div(net * 10, units) : NA : 0;
            o->below_line[h] = put(below); o->gap[h] = gap; o->below_dibao[h] = put(below_dibao); o->crowded[h] = put(crowded);
            o->dwelling_safe[h] = put(safe); o->guarantees_ok[h] = put(guarantees); o->wealthy[h] = put(wealthy); o->identified_poor[h] = put(poor);
            o->five_guarantee[h] = put(five); o->household_class[h] = class; o->dibao_gap[h] = top_up;
            o->stale_survey[h] = surveyed == NA32 ? NA8 : q->months_since[surveyed - q->first_day] > 12;

            int64_t aid = 0;
            int aid_known = 1, any_trainable = 0;
            for (int32_t p = a; p < z; p++) {
                const int born = o->age[p] != NA8, age = o->age[p], severe = get(o->severe_disabled[p]), able = get(o->able[p]);
                const int weak = or2(tri(born, age < 16 || age >= 60), severe);
                const int64_t living = weak == 2 ? top_up_uplifted : weak == 0 ? top_up : NA;
                const int nursed = and2(severe, tri(class != NA8, class != 3));
                const int64_t nursing = nursed == 2 ? q->nursing_rate[in->disability_grade[p]] * 12 : nursed == 0 ? 0 : NA;
                const int64_t grant = poor == 0 ? 0 : poor == UNKNOWN || in->schooling[p] == NA8 ? NA : q->grant_by_stage[in->schooling[p]];
                const int64_t burden = wide(o->medical_burden[p]), share = (burden * q->relief_share100 + 50) / 100;
                const int64_t relief = poor == 0 ? 0 : poor == UNKNOWN || burden == NA ? NA : share < q->relief_cap ? share : q->relief_cap;
                const int seventy = and2(tri(born, age >= 70), poor);
                const int64_t old = !born ? NA : age >= 80 ? q->old_age_rate * 12 : seventy == 2 ? q->old_age_rate * 6 : seventy == 0 ? 0 : NA;
                const int known = living != NA && nursing != NA && grant != NA && relief != NA && old != NA;
                const int64_t sum = known ? living + nursing + grant + relief + old : NA;
                const int trainable = and2(and2(able, not1(get(o->migrant[p]))), and2(tri(born, age <= 45), poor));
                o->living_allowance[p] = narrow(living); o->nursing_subsidy[p] = narrow(nursing); o->education_grant[p] = narrow(grant);
                o->medical_relief[p] = narrow(relief); o->old_age_supplement[p] = narrow(old); o->person_aid[p] = narrow(sum); o->trainable[p] = put(trainable);
                aid += known ? sum : 0; aid_known &= known; any_trainable = or2(any_trainable, trainable);
                TALLY(ABLE_POOR, and2(able, poor), 1); ADD(AID, sum);
                if (poor == UNKNOWN || (poor == 2 && !known)) u[AID_POOR]++; else if (poor == 2) s[AID_POOR] += sum;
            }
            const int after_known = net_known && aid_known;
            const int64_t after = after_known ? net + aid : NA;
            const int still = members > 0 ? tri(after_known, after < line * members) : 0;
            const int ill = tri(after_known && medical_known, medical_total * 2 > after), housing = or2(crowded, not1(safe));
            const int indebted = tri(after_known && in->debt[h] != NA32, in->debt[h] > after), none_able = tri(able_known, able_members == 0);
            const int risk_known = still != UNKNOWN && ill != UNKNOWN && housing != UNKNOWN && indebted != UNKNOWN && none_able != UNKNOWN;
            const int risk = (still == 2 ? 3 : 0) + (ill == 2 ? 2 : 0) + (housing == 2) + (indebted == 2) + (none_able == 2);
            const int at_risk = or2(tri(risk_known, risk >= 3), and2(still, any_severe));
            const int cause = in->main_cause[h];
            const int moved = and2(not1(safe), tri(cause != NA8, cause == 5 || cause == 6)), hungry = tri(in->grain_kg[h] != NA32, in->grain_kg[h] < members * 150);
            const int taught = or2(tri(dropouts_known, dropouts > 0), tri(cause != NA8, cause == 3));
            int measure;
            if (class == NA8) measure = NA8;
            else if (class == 3) measure = 5;
            else if (any_trainable) measure = any_trainable == 2 ? 1 : NA8;
            else if (moved) measure = moved == 2 ? 2 : NA8;
            else if (hungry) measure = hungry == 2 ? 3 : NA8;
            else if (taught) measure = taught == 2 ? 4 : NA8;
            else measure = at_risk == 2 ? 5 : at_risk == 0 ? 0 : NA8;
            o->aid[h] = aid_known ? aid : NA; o->income_after[h] = after; o->still_below[h] = put(still); o->risk_score[h] = risk_known ? risk : NA8;
            o->at_risk[h] = put(at_risk); o->measure[h] = measure;
            const int64_t pay = any_severe == 2 ? q->job_pay * 6 : any_severe == 0 ? q->job_pay * 12 : NA;
            int64_t jobs = 0;
            int jobs_known = 1;
            for (int32_t p = a; p < z; p++) {
                const int job = and2(and2(get(o->able[p]), not1(get(o->migrant[p]))), and2(tri(o->age[p] != NA8, o->age[p] >= 40), at_risk));
                const int64_t amount = job == 0 ? 0 : job == UNKNOWN ? NA : pay;
                o->public_job[p] = put(job);
                o->public_job_amount[p] = narrow(amount);
                jobs += amount == NA ? 0 : amount; jobs_known &= amount != NA;
                ADD(JOB_PAY, amount);
            }
            const int enough = members > 0 ? tri(after_known && jobs_known, after + jobs >= line * members) : 0;
            const int secured = and2(guarantees, enough);
            o->job_income[h] = jobs_known ? jobs : NA; o->secured[h] = put(secured);
            s[PEOPLE] += members; s[HOUSEHOLDS]++;
            TALLY(POOR_HOUSEHOLDS, poor, 1); TALLY_ROWS(POOR_PEOPLE, poor, members); TALLY_ROWS(BELOW_PEOPLE, below, members);
            ADD(GAP, gap); ADD(NET_INCOME, net); TALLY(UNSAFE, not1(safe), 1); TALLY_ROWS(GUARANTEED, guaranteed, members);
            TALLY(STILL_PEOPLE, still, members); TALLY(AT_RISK, at_risk, 1); TALLY(SECURED, secured, 1);
        }
        for (int k = 0; k < SUMS; k++) { sums[(int64_t)v * 2 * SUMS + k] = s[k]; sums[(int64_t)v * 2 * SUMS + SUMS + k] = u[k]; }
    }
}
